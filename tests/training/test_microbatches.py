"""Cutting rows into micro-batches: all of them once, as few as fit, of similar size, in their order."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from training.errors import OutOfMemory
from training.microbatches import Fit, fit_of_steps, passes

CPU = torch.device("cpu")
LENGTHS = st.lists(st.integers(1, 300), min_size=1, max_size=40)


@given(LENGTHS, st.integers(1, 5000), st.none() | st.integers(1, 10))
def test_every_row_is_computed_once_and_nothing_is_larger_than_allowed(
    lengths: list[int], positions: int, rows: int | None
) -> None:
    groups = Fit(positions, rows).groups(range(len(lengths)), lengths.__getitem__)

    assert [row for group in groups for row in group] == list(range(len(lengths)))
    for group in groups:
        assert len(group) == 1 or len(group) * max(lengths[row] for row in group) <= positions
        assert rows is None or len(group) <= rows


def test_micro_batches_are_even() -> None:
    """Six rows of 100 tokens and six of 10; 500 positions hold five of the long ones, so three passes are fewest.

    Taking as many as fit would compute 500, 500 and 20 positions; 300, 300 and 60 takes no more passes.
    """
    lengths = [100] * 6 + [10] * 6

    groups = Fit(500).groups(range(12), lengths.__getitem__)

    assert sorted(len(group) * max(lengths[row] for row in group) for group in groups) == [60, 300, 300]


def test_training_begins_with_everything_on_cuda_and_with_what_is_fastest_on_cpu() -> None:
    lengths = [1000] * 8

    on_cuda = fit_of_steps(None, torch.device("cuda")).groups(range(8), lengths.__getitem__)
    on_cpu = fit_of_steps(None, CPU).groups(range(8), lengths.__getitem__)
    as_told = fit_of_steps(8, CPU).groups(range(8), lengths.__getitem__)

    assert [len(groups) for groups in (on_cuda, on_cpu, as_told)] == [1, 4, 1]


def test_a_pass_that_does_not_fit_is_halved_and_the_others_follow() -> None:
    """Nothing that was computed before is computed again."""
    computed: list[list[int]] = []

    def compute(rows: list[int]) -> int:
        if len(rows) > 3:
            raise MemoryError
        computed.append(rows)
        return sum(rows)

    found = dict.fromkeys(range(16), 0)
    for rows, result in passes(range(16), lambda row: 1, 16, compute):
        found |= dict.fromkeys(rows, result)

    assert sorted(row for rows in computed for row in rows) == list(range(16))
    assert all(found[rows[0]] == sum(rows) for rows in computed)


def test_a_pass_of_one_row_that_does_not_fit_is_a_sentence() -> None:
    def compute(rows: list[int]) -> int:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(OutOfMemory, match="does not hold one row of 7 tokens: lower max_length"):
        list(passes([0, 1], lambda row: 7, 2, compute))
