"""Where every token stands, whom it sees, and what predicts it; all layouts say the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from training.layout import Kind, layout_of_conversations, layout_of_pairs
from training.rows import PairTokens
from training.tokens import Tokens


def pair_of(prompt: Sequence[int], first: Sequence[int], second: Sequence[int], group: int = 0) -> PairTokens:
    prompt_ids, first_ids, second_ids = (np.array(part, np.int32) for part in (prompt, first, second))
    return PairTokens(group, prompt_ids, first_ids, second_ids, np.zeros((1, 4)))


def test_a_separate_row_gathers_the_place_before_each_counted_token() -> None:
    layout = layout_of_pairs([pair_of([1, 2, 3], [4, 5], [6])], "separate")

    assert layout.ids_RT.tolist() == [[1, 2, 3, 4, 5], [1, 2, 3, 6, 0]]
    assert layout.segment_RT is None
    assert layout.source_N.tolist() == [2, 3, 5 + 2]
    assert layout.target_N.tolist() == [4, 5, 6]
    assert layout.sequence_N.tolist() == [0, 0, 1]
    assert layout.place_N.tolist() == [0, 1, 0]
    assert layout.last_S.tolist() == [4, 5 + 3]
    assert layout.padding == (1, 10)


def test_a_shared_row_restarts_positions_and_hides_the_completions_from_each_other() -> None:
    layout = layout_of_pairs([pair_of([1, 2], [4, 5], [6])], "shared")

    assert layout.ids_RT.tolist() == [[1, 2, 4, 5, 6]]
    assert layout.position_RT is not None
    assert layout.position_RT.tolist() == [[0, 1, 2, 3, 2]]
    assert layout.source_N.tolist() == [1, 2, 1]
    assert layout.mask_RTT()[0].int().tolist() == [
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 1, 1, 0, 0],
        [1, 1, 1, 1, 0],
        [1, 1, 0, 0, 1],
    ]


def test_completions_of_one_prompt_are_computed_once_for_all_their_comparisons() -> None:
    pairs = [pair_of([1], [2], [3]), pair_of([1], [2], [4]), pair_of([1], [4], [3])]

    layout = layout_of_pairs(pairs, "shared")

    assert layout.ids_RT.tolist() == [[1, 2, 3, 4]]
    assert layout.pair_B2.tolist() == [[0, 1], [0, 2], [2, 1]]


def test_sums_that_depend_on_the_other_side_get_sequences_of_their_own() -> None:
    pairs = [pair_of([1], [2], [3]), pair_of([1], [2], [4, 5])]

    layout = layout_of_pairs(pairs, "shared", completions_once=False)

    assert layout.pair_B2.tolist() == [[0, 1], [2, 3]]


def test_packed_prompts_stand_in_one_row_and_never_see_each_other() -> None:
    layout = layout_of_pairs([pair_of([1, 2], [3], [4]), pair_of([5], [6], [7], group=1)], "packed", row_length=8)

    assert layout.ids_RT.tolist() == [[1, 2, 3, 4, 5, 6, 7]]
    assert layout.position_RT is not None
    assert layout.position_RT.tolist() == [[0, 1, 2, 2, 0, 1, 1]]
    assert not layout.mask_RTT()[0, 4:, :4].any()
    assert layout.pair_B2.tolist() == [[0, 1], [2, 3]]
    assert layout.target_N.tolist() == [3, 4, 6, 7]


def test_a_group_longer_than_a_packed_row_gets_a_row_of_its_own() -> None:
    layout = layout_of_pairs([pair_of([1] * 9, [2], [3]), pair_of([5], [6], [7], group=1)], "packed", row_length=4)

    assert layout.ids_RT.shape == (2, 11)


@pytest.mark.parametrize("kind", ["shared", "packed"])
def test_no_place_sees_nothing(kind: Kind) -> None:
    """A row of the mask without any place would turn into NaN."""
    layout = layout_of_pairs([pair_of([1], [2], [3]), pair_of([1] * 9, [2] * 4, [3] * 5, 1)], kind, row_length=19)

    assert torch.all(layout.mask_RTT().any(-1))


def test_packed_conversations_keep_what_counts() -> None:
    rows = [Tokens([1, 2, 3], [False, True, True]), Tokens([4, 5], [False, True])]

    layout = layout_of_conversations(rows, row_length=8)

    assert layout.ids_RT.tolist() == [[1, 2, 3, 4, 5]]
    assert layout.source_N.tolist() == [0, 1, 3]
    assert layout.target_N.tolist() == [2, 3, 5]
    assert layout.length_S.tolist() == [2, 1]
    assert not layout.mask_RTT()[0, 3:, :3].any()
