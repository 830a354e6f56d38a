"""Which rows are computed together, and in which order. It depends on lengths and seed alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

# A mega-batch is sorted by length and cut into batches: enough rows to waste
# little padding, few enough to keep the order random.
BATCHES_PER_BUCKET = 16

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Plan(Sequence[list[int]]):
    """The batches of a run, drawn when they are asked for: not the device, the micro-batch or a resume changes them.

    rows       row numbers to train on, those of one group side by side
    lengths    tokens of each of these rows
    groups     rows with equal numbers share their prompt and stay together; None when every row is on its own
    batch_size rows per batch; the last batch of an epoch may be smaller
    """

    rows: Rows
    lengths: Rows
    groups: Rows | None
    batch_size: int
    epochs: float
    seed: int

    def __len__(self) -> int:
        return max(1, round(self._per_epoch * self.epochs))

    def __getitem__(self, number: Any) -> Any:
        if isinstance(number, slice):
            return [self[at] for at in range(*number.indices(len(self)))]
        if not 0 <= number < len(self):
            raise IndexError(number)
        epoch, place = divmod(number, self._per_epoch)
        starts, order = _epoch(self, epoch)
        begin = starts[place]
        return self.rows[order[begin : begin + self.batch_size]].tolist()

    @property
    def _per_epoch(self) -> int:
        return -(-len(self.rows) // self.batch_size)


@lru_cache(maxsize=4)
def _epoch(plan: Plan, epoch: int) -> tuple[Rows, Rows]:
    """(where each batch begins, order of the rows) of one epoch.

    1. Shuffle the groups. 2. Cut the rows into mega-batches. 3. Sort each by length, groups staying together.
    4. Cut into batches. 5. Shuffle the batches.
    """
    count = len(plan.rows)
    dice = np.random.Generator(np.random.PCG64([plan.seed, epoch]))
    group_R = np.arange(count) if plan.groups is None else np.unique(plan.groups, return_inverse=True)[1]
    place_of_group = dice.permutation(int(group_R.max()) + 1)
    order = np.argsort(place_of_group[group_R], kind="stable")
    longest_of_group = np.zeros(len(place_of_group), np.int64)
    np.maximum.at(longest_of_group, group_R, plan.lengths)
    bucket_of_place = np.arange(count) // (plan.batch_size * BATCHES_PER_BUCKET)
    # Sort by mega-batch, then length, then group: np.lexsort reads its keys from the last to the first.
    keys = (place_of_group[group_R[order]], longest_of_group[group_R[order]], bucket_of_place)
    order = order[np.lexsort(keys)]
    starts = np.arange(0, count, plan.batch_size)
    # The short batch, when there is one, is the last of the last mega-batch; shuffled like all others.
    return dice.permutation(starts), order


def batches_in_order(lengths: Rows, batch_size: int) -> list[list[int]]:
    """Every row once, similar lengths together, for passes that do not train."""
    order = np.argsort(lengths, kind="stable")
    return [order[at : at + batch_size].tolist() for at in range(0, len(order), batch_size)]
