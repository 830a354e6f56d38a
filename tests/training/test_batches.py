"""The order of rows: every row once an epoch, similar lengths together, groups unbroken, the same on every machine."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.batches import Plan, batches_in_order


def plan(lengths: list[int], *, groups: list[int] | None = None, batch_size: int = 8, epochs: float = 1) -> Plan:
    return Plan(
        rows=np.arange(100, 100 + len(lengths)),
        lengths=np.array(lengths),
        groups=None if groups is None else np.array(groups),
        batch_size=batch_size,
        epochs=epochs,
        seed=0,
    )


@given(st.lists(st.integers(1, 400), min_size=1, max_size=200), st.integers(1, 16))
def test_an_epoch_holds_every_row_once_in_an_order_of_its_own(lengths: list[int], batch_size: int) -> None:
    batches = list(plan(lengths, batch_size=batch_size))

    assert sorted(row for batch in batches for row in batch) == list(range(100, 100 + len(lengths)))
    assert batches == list(plan(lengths, batch_size=batch_size))
    assert all(len(batch) <= batch_size for batch in batches)


def test_rows_of_a_batch_are_of_similar_length() -> None:
    lengths = [10, 200] * 64

    assert all(len({lengths[row - 100] for row in batch}) == 1 for batch in plan(lengths))


def test_epochs_differ_and_parts_of_epochs_are_allowed() -> None:
    batches = plan([5] * 32, epochs=2)

    assert batches[0:4] != batches[4:8]
    assert len(plan([5] * 32, epochs=0.5)) == 2


def test_rows_of_one_prompt_stand_side_by_side() -> None:
    """So that their prompt is computed once. 16 groups of 4 rows fit into batches of 8 without a cut."""
    groups = [number // 4 for number in range(64)]

    for batch in plan([50 + number % 4 for number in range(64)], groups=groups):
        assert len({groups[row - 100] for row in batch}) == 2


def test_a_pass_that_does_not_train_sorts_by_length() -> None:
    assert batches_in_order(np.array([5, 1, 3]), 2) == [[1, 2], [0]]
