"""Snapshot to tokens to batches: what counts, what is left out, what stands where."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.training.tiny import END, planted, preference, snapshot_save, tokenizer_make
from training import data
from training.bases import PLAIN_TEMPLATE
from training.contract import COMPARISONS, DemonstrationRecord, PreferenceRecord
from training.data import PairTokens
from training.errors import SnapshotInvalid

TOKENIZER = tokenizer_make()


def encoded(rows: Sequence[PreferenceRecord], max_length: int = 200) -> data.Preferences:
    return data.preferences_encoded(
        TOKENIZER, rows, end_ids=frozenset({END}), end_id=END, max_length=max_length, vocabulary=len(TOKENIZER)
    )


def demonstrations(*conversations: list[tuple[str, str]], max_length: int = 200) -> tuple[list[data.Tokens], list[str]]:
    rows = [
        DemonstrationRecord.model_validate({"messages": [{"role": r, "content": c} for r, c in turns]})
        for turns in conversations
    ]
    kept, left_out = data.demonstrations_encoded(
        TOKENIZER, rows, end_ids=frozenset({END}), end_id=END, max_length=max_length
    )
    return kept, left_out.sentences("conversation")


def counted_text(tokens: data.Tokens) -> str:
    return str(TOKENIZER.decode([id_ for id_, counts in zip(tokens.ids, tokens.counted, strict=True) if counts]))


# --- which tokens count -------------------------------------------------------


def test_written_tokens_count_and_given_ones_do_not() -> None:
    tokens = data.tokens_counted([([1, 2], False), ([3, 4], True), ([5], False), ([6], True)])

    assert tokens.ids == [1, 2, 3, 4, 5, 6]
    assert tokens.counted == [False, False, True, True, False, True]


def test_the_first_token_has_no_predecessor_and_never_counts() -> None:
    assert data.tokens_counted([([7, 8], True)]).counted == [False, True]


def test_every_assistant_turn_counts_with_its_end_of_turn() -> None:
    (tokens,), notes = demonstrations([("user", "Hi"), ("assistant", "Yo"), ("user", "And?"), ("assistant", "So.")])

    assert counted_text(tokens) == "Yo<|end|>So.<|end|>"
    assert notes == []


def test_beginning_of_sequence_appears_once() -> None:
    (tokens,), _ = demonstrations([("system", "Be kind."), ("user", "Hi"), ("assistant", "Yo")])

    assert tokens.ids.count(1) == 1
    assert tokens.ids[0] == 1


def test_what_stands_after_the_last_answer_is_not_trained_on() -> None:
    (tokens,), _ = demonstrations([("user", "Hi"), ("assistant", "Yo"), ("user", "never answered")])

    assert str(TOKENIZER.decode(tokens.ids)).endswith("Yo<|end|>")


def test_a_template_that_never_closes_a_turn_is_closed_for_it() -> None:
    assert data.answer_closed([10, 11], frozenset({END}), END) == [10, 11, END]
    assert data.answer_closed([10, END, 11], frozenset({END}), END) == [10, END]


def test_conversations_that_cannot_be_used_are_counted_with_their_reason() -> None:
    kept, notes = demonstrations([("user", "Hi"), ("assistant", " ")], [("user", "x" * 300), ("assistant", "y")])

    assert kept == []
    assert notes == [
        "1 conversation left out: an answer is empty.",
        "1 conversation left out: longer than 200 tokens.",
    ]


# --- comparisons --------------------------------------------------------------


@pytest.mark.parametrize("prompt_end", ["?", " ", "\n", "$", "日本", "  "])
def test_prompt_and_answer_spell_the_template_s_text(prompt_end: str) -> None:
    row = preference(0, " yes", "no")
    row = row.model_copy(update={"prompt": [row.prompt[0].model_copy(update={"content": "Q" + prompt_end})]})

    (pair,) = encoded([row]).train

    whole = TOKENIZER.decode(pair.prompt_ids + pair.first_ids)
    assert whole == f"<|bos|><|user|>Q{prompt_end}<|end|><|assistant|> yes<|end|>"


def test_ids_of_generated_answers_are_used_verbatim() -> None:
    """'ab' cut off before its end-of-turn token: re-tokenising would add the token that the policy never wrote."""
    row = preference(0, "ab", "cd")
    ids = TOKENIZER("ab")["input_ids"]
    row = row.model_copy(update={"first": row.first.model_copy(update={"token_ids": ids})})

    (pair,) = encoded([row]).train

    assert pair.first_ids == ids
    assert pair.second_ids[-1] == END


def test_ids_that_do_not_spell_the_text_are_replaced_and_counted() -> None:
    row = preference(0, "ab", "cd")
    row = row.model_copy(update={"first": row.first.model_copy(update={"token_ids": TOKENIZER("zz")["input_ids"]})})

    preferences = encoded([row])

    assert TOKENIZER.decode(preferences.train[0].first_ids) == "ab<|end|>"
    assert preferences.notes == [
        "1 answers carry token ids of another tokenizer; their text was tokenised instead.",
    ]


def test_ids_outside_the_vocabulary_name_their_row() -> None:
    row = preference(0, "ab", "cd")
    row = row.model_copy(update={"second": row.second.model_copy(update={"token_ids": [99999]})})

    with pytest.raises(SnapshotInvalid, match=r"comparisons.jsonl, line 1: second.token_ids: 99999"):
        encoded([row])


def test_rows_too_long_or_empty_are_left_out_counted_and_never_cut() -> None:
    rows = [preference(0, "x" * 300, "y"), preference(1, "", "y"), preference(2, "ok", "fine")]

    preferences = encoded(rows)

    assert [pair.comparison_id for pair in preferences.train] == ["c2"]
    assert preferences.notes == [
        "1 comparison left out: longer than 200 tokens.",
        "1 comparison left out: an answer is empty.",
    ]


def test_a_template_that_rewrites_the_prompt_quarantines_the_row() -> None:
    fickle = tokenizer_make(
        "{% if messages | length > 1 %}!{% endif %}{% for m in messages %}{{ m['content'] }}{% endfor %}"
    )

    preferences = data.preferences_encoded(
        fickle, [preference(0, "a", "b")], end_ids=frozenset({END}), end_id=END, max_length=99, vocabulary=300
    )

    assert preferences.train == []
    assert "changes the prompt" in preferences.notes[0]


def test_the_plain_template_keeps_prompts_as_prefixes() -> None:
    plain = tokenizer_make(PLAIN_TEMPLATE)

    preferences = data.preferences_encoded(
        plain, [preference(0, "yes", "no")], end_ids=frozenset({END}), end_id=END, max_length=99, vocabulary=300
    )

    (pair,) = preferences.train
    assert plain.decode(pair.prompt_ids + pair.first_ids) == "<|bos|>User:\nQuestion 0\n\nAssistant:\nyes<|end|>"


def test_a_bad_line_is_named_with_file_line_and_field(tmp_path: Path) -> None:
    snapshot = snapshot_save(tmp_path / "snapshot", planted(3))
    lines = (snapshot / COMPARISONS).read_text().splitlines()
    lines[1] = lines[1].replace('"weight":2.0', '"weight":-1')
    broken = snapshot_save(tmp_path / "broken", [])
    (broken / "manifest.json").write_text('{"project":"x","round":1,"created_at":"","counts":{}}')
    (broken / COMPARISONS).write_text("\n".join(lines))

    with pytest.raises(SnapshotInvalid, match=r"comparisons.jsonl, line 2: weight: Input should be greater than 0"):
        data.preferences_read(broken)


def test_a_snapshot_that_differs_from_its_manifest_is_refused(tmp_path: Path) -> None:
    snapshot = snapshot_save(tmp_path / "snapshot", planted(3))
    with (snapshot / COMPARISONS).open("a") as file:
        file.write("\n")

    with pytest.raises(SnapshotInvalid, match="differ from the manifest"):
        data.preferences_read(snapshot)


# --- batches ------------------------------------------------------------------


@given(st.lists(st.integers(1, 400), min_size=1, max_size=200), st.integers(1, 16), st.integers(0, 3))
def test_an_epoch_holds_every_row_once_in_an_order_of_its_own(lengths: list[int], batch_size: int, seed: int) -> None:
    batches = data.batches_planned(lengths, batch_size=batch_size, epochs=1, seed=seed)

    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    assert batches == data.batches_planned(lengths, batch_size=batch_size, epochs=1, seed=seed)
    assert all(len(batch) <= batch_size for batch in batches)


def test_rows_of_a_batch_are_of_similar_length() -> None:
    lengths = [10, 200] * 64

    batches = data.batches_planned(lengths, batch_size=8, epochs=1, seed=0)

    assert all(len({lengths[row] for row in batch}) == 1 for batch in batches)


def test_epochs_differ_and_parts_of_epochs_are_allowed() -> None:
    first, second = (data.batches_planned([5] * 32, batch_size=8, epochs=2, seed=0)[i : i + 4] for i in (0, 4))

    assert first != second
    assert len(data.batches_planned([5] * 32, batch_size=8, epochs=0.5, seed=0)) == 2


# --- layouts ------------------------------------------------------------------


def pair_of(prompt: Sequence[int], first: Sequence[int], second: Sequence[int]) -> PairTokens:
    return PairTokens("c", list(prompt), list(first), list(second), 1.0, 1.0)


def test_a_padded_row_gathers_the_place_before_each_counted_token() -> None:
    layout = data.layout_of_pairs([pair_of([1, 2, 3], [4, 5], [6])], shared_prompt=False)

    assert layout.ids_BT.tolist() == [[1, 2, 3, 4, 5], [1, 2, 3, 6, 0]]
    assert layout.source_N.tolist() == [2, 3, 5 + 2]
    assert layout.target_N.tolist() == [4, 5, 6]
    assert layout.sequence_N.tolist() == [0, 0, 1]
    assert layout.last_S.tolist() == [4, 5 + 3]


def test_a_shared_row_restarts_positions_and_hides_the_completions_from_each_other() -> None:
    layout = data.layout_of_pairs([pair_of([1, 2], [4, 5], [6])], shared_prompt=True)

    assert layout.position_BT is not None
    assert layout.mask_BTT is not None
    assert layout.ids_BT.tolist() == [[1, 2, 4, 5, 6]]
    assert layout.position_BT.tolist() == [[0, 1, 2, 3, 2]]
    assert layout.source_N.tolist() == [1, 2, 1]
    assert layout.mask_BTT[0].int().tolist() == [
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 1, 1, 0, 0],
        [1, 1, 1, 1, 0],
        [1, 1, 0, 0, 1],
    ]


def test_no_place_of_a_shared_row_sees_nothing() -> None:
    """A row of the mask without any place would turn into NaN."""
    layout = data.layout_shared([pair_of([1], [2], [3]), pair_of([1] * 9, [2] * 4, [3] * 5)])

    assert layout.mask_BTT is not None
    assert torch.all(layout.mask_BTT.any(-1))
