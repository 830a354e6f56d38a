"""Each judgment in the company of the others on its comparison: how many said the same?

N judgments
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def pairs_with_earlier(comparison_N: Ints, side_N: Ints) -> tuple[Ints, Ints]:
    """For each judgment, how many earlier ones on its comparison said the same, and how many there are.

    comparison_N  which comparison, side_N which side won (any code), oldest judgment first
    Summed over all judgments, each pair counts once, with its later judgment.
    """
    return _earlier(comparison_N, side_N), _earlier(comparison_N, np.zeros_like(side_N))


def pairs_with_others(comparison_N: Ints, side_N: Ints) -> tuple[Ints, Ints]:
    """For each judgment, how many others on its comparison said the same, and how many others there are."""
    return _as_often(comparison_N, side_N) - 1, _as_often(comparison_N, np.zeros_like(side_N)) - 1


def _earlier(comparison_N: Ints, side_N: Ints) -> Ints:
    """How many judgments of the same comparison and side come before each."""
    order_N = np.lexsort((np.arange(len(side_N)), side_N, comparison_N))
    begins_N = _begins(comparison_N[order_N], side_N[order_N])
    first_N = np.maximum.accumulate(np.where(begins_N, np.arange(len(side_N)), 0))
    found_N = np.empty(len(side_N), np.int64)
    found_N[order_N] = np.arange(len(side_N)) - first_N
    return found_N


def _as_often(comparison_N: Ints, side_N: Ints) -> Ints:
    """How many judgments share each one's comparison and side, itself included."""
    if not len(side_N):
        return np.zeros(0, np.int64)
    order_N = np.lexsort((side_N, comparison_N))
    group_N = np.cumsum(_begins(comparison_N[order_N], side_N[order_N])) - 1
    found_N = np.empty(len(side_N), np.int64)
    found_N[order_N] = np.bincount(group_N)[group_N]
    return found_N


def _begins(comparison_N: Ints, side_N: Ints) -> NDArray[np.bool_]:
    """Where a new comparison or side begins, in sorted order."""
    begins_N = np.ones(len(side_N), bool)
    begins_N[1:] = (comparison_N[1:] != comparison_N[:-1]) | (side_N[1:] != side_N[:-1])
    return begins_N
