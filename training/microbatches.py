"""Micro-batches: as many rows are computed at once as memory holds, which is found by trying."""

from __future__ import annotations

import gc
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch

from training.errors import OutOfMemory

CostOf = Callable[[int], float]  # tokens of a row
Result = TypeVar("Result")

# On CPU a larger pass leaves the caches and gets slower: 25,600 positions of the starter policy on one core took
# 6.2 s in passes of 1,600, 6.9 s in passes of 6,400 and 7.6 s in one.
POSITIONS_ON_CPU = 2048


@dataclass
class Fit:
    """How much is computed at once. It only ever shrinks, and is saved with the state of a run.

    positions  rows x longest row of a micro-batch at most, in tokens
    rows       rows of a micro-batch at most, if the settings say so
    whole      whether rows that are given together must stay together
    """

    positions: float
    rows: int | None = None
    whole: bool = False

    def groups(self, rows: Sequence[int], cost_of: CostOf) -> list[list[int]]:
        """`rows` in as few micro-batches as fit, of similar size.

        Their order is kept: batches come sorted by length, and rows that share a prompt lie side by side.
        """
        widths = [max(1.0, cost_of(row)) for row in rows]
        limit = min(self.positions, len(rows) * max(widths, default=0.0))
        fewest = len(_sizes(widths, limit, self.rows))
        if fewest <= 1 or self.whole:
            return [list(rows)] if rows else []
        too_small = 0.0
        for _ in range(12):  # the smallest limit that needs no more micro-batches makes them even
            middle = (too_small + limit) / 2
            if len(_sizes(widths, middle, self.rows)) > fewest:
                too_small = middle
            else:
                limit = middle
        return _cut(rows, _sizes(widths, limit, self.rows))

    def halve(self, group: Sequence[int], cost_of: CostOf) -> bool:
        """Allow half of a micro-batch that did not fit; False when it cannot be cut."""
        if self.whole or len(group) == 1:
            return False
        self.positions = min(self.positions, len(group) // 2 * max(1.0, *map(cost_of, group)))
        return True


def fit_of_steps(rows: int | None, device: torch.device, *, whole: bool = False) -> Fit:
    """Where training begins: with all rows of a step on CUDA, with what is fastest on CPU."""
    return Fit(math.inf if rows or device.type == "cuda" else POSITIONS_ON_CPU, rows, whole)


def passes(
    rows: Sequence[int], cost_of: CostOf, at_most: int, compute: Callable[[list[int]], Result]
) -> Iterator[tuple[list[int], Result]]:
    """Every row once, similar lengths together, for passes that do not train: (rows, what `compute` gave).

    A micro-batch that does not fit is halved. Raises OutOfMemory when a single row does not fit.
    """
    fit = Fit(math.inf, at_most)
    ordered = sorted(rows, key=cost_of)
    waiting = [ordered[at : at + at_most] for at in range(0, len(ordered), at_most)][::-1]
    while waiting:
        group = waiting.pop()
        try:
            result = compute(group)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if not fit.halve(group, cost_of):
                raise OutOfMemory(f"Memory does not hold {size_of(group, cost_of)}: lower max_length.") from error
        else:
            yield group, result
            continue
        memory_release()
        waiting += fit.groups(group, cost_of)[::-1]


def size_of(group: Sequence[int], cost_of: CostOf) -> str:
    """How large a micro-batch is, in words."""
    rows = "one row" if len(group) == 1 else f"{len(group)} rows"
    return f"{rows} of {max(map(cost_of, group)):,.0f} tokens"


def is_out_of_memory(error: BaseException) -> bool:
    """CUDA, Python and torch's allocator for CPU each have their own way of saying it."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return "can't allocate memory" in str(error) or "CUDA error: out of memory" in str(error)


def memory_release() -> None:
    """Give back what a failed step still holds; call it outside the `except` block, which holds the step's frames."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _sizes(widths: Sequence[float], limit: float, most: int | None) -> list[int]:
    """Rows of each micro-batch: as many as fit one after the other, always one at least."""
    sizes: list[int] = []
    widest = 0.0
    for width in widths:
        widest = max(widest, width)
        if sizes and (sizes[-1] + 1) * widest <= limit and sizes[-1] != most:
            sizes[-1] += 1
        else:
            sizes.append(1)
            widest = width
    return sizes


def _cut(rows: Sequence[int], sizes: Sequence[int]) -> list[list[int]]:
    ends = list(itertools.accumulate(sizes))
    return [list(rows[end - size : end]) for end, size in zip(ends, sizes, strict=True)]
