"""Who said what about which comparison, and comparisons that were answered alike, counted together.

Nothing needs to be complete: most raters see few comparisons. Coefficients that do
not ask who answered see a comparison only as a row of counts. A million judgments
make few different rows, and drawing comparisons again is drawing how often each
row comes: the same bootstrap, in a fraction of the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Votes:
    """J judgments, each by one of R raters about one of U comparisons, giving one of K answers.

    unit_J, rater_J, answer_J  indices from 0 on
    position_K                 where the answers stand on their axis, ascending; 0, 1, 2 … where they have no axis
    units, raters              U and R
    """

    unit_J: Indices
    rater_J: Indices
    answer_J: Indices
    position_K: Numbers
    units: int
    raters: int

    @classmethod
    def of(
        cls,
        comparisons: npt.ArrayLike,
        raters: npt.ArrayLike,
        answers: npt.ArrayLike,
        *,
        allowed: Sequence[Any] = (),
    ) -> Votes:
        """From what names comparisons and raters, and the answers: numbers on an axis, or any words.

        `allowed` are the answers that the question offers, where more than those given should count.
        """
        _names, unit_J = np.unique(np.asarray(comparisons), return_inverse=True)
        _people, rater_J = np.unique(np.asarray(raters), return_inverse=True)
        given_J = np.asarray(answers)
        offered_K = np.unique(np.concatenate([given_J, np.asarray(allowed, dtype=given_J.dtype)]))
        is_axis = np.issubdtype(given_J.dtype, np.number)
        position_K = offered_K.astype(float) if is_axis else np.arange(len(offered_K), dtype=float)
        answer_J = np.searchsorted(offered_K, given_J)
        return cls(unit_J, rater_J, answer_J, position_K, len(_names), len(_people))

    @property
    def counts_UK(self) -> Indices:
        """How many gave each answer to each comparison."""
        answers = len(self.position_K)
        codes_J = self.unit_J * answers + self.answer_J
        return np.bincount(codes_J, minlength=self.units * answers).reshape(self.units, answers)

    @cached_property
    def patterns(self) -> Patterns:
        return Patterns.of_counts(self.counts_UK, self.position_K)

    def where(self, mask_J: npt.NDArray[np.bool_]) -> Votes:
        """Some of the judgments; comparisons and raters keep their indices."""
        return Votes(
            self.unit_J[mask_J], self.rater_J[mask_J], self.answer_J[mask_J], self.position_K, self.units, self.raters
        )


@dataclass(frozen=True)
class Patterns:
    """P different rows of counts.

    counts_PK   how many gave each answer
    of_unit_U   which row each comparison has
    position_K  where the answers stand
    """

    counts_PK: Numbers
    of_unit_U: Indices
    position_K: Numbers

    @classmethod
    def of_counts(cls, counts_UK: npt.ArrayLike, position_K: npt.ArrayLike | None = None) -> Patterns:
        """From how many gave each answer to each comparison."""
        counts = np.asarray(counts_UK)
        rows_PK, of_unit_U = _rows_alike(counts)
        positions = np.arange(counts.shape[1]) if position_K is None else np.asarray(position_K)
        return cls(rows_PK.astype(float), of_unit_U, positions.astype(float))

    @property
    def size_P(self) -> Numbers:
        """How many people answered."""
        size_P: Numbers = self.counts_PK.sum(axis=1)
        return size_P

    @property
    def has_pair_P(self) -> npt.NDArray[np.bool_]:
        return self.size_P > 1

    def times_P(self, among_U: npt.NDArray[np.bool_] | None = None) -> Indices:
        """How many comparisons, of all or of some, have each row; unanswered ones count nowhere."""
        of_unit = self.of_unit_U if among_U is None else self.of_unit_U[among_U]
        times_P = np.bincount(of_unit, minlength=len(self.counts_PK))
        return np.where(self.size_P > 0, times_P, 0)


def _rows_alike(counts_UK: Indices) -> tuple[Indices, Indices]:
    """The different rows, and which of them each row is."""
    if not len(counts_UK):
        return counts_UK, np.zeros(0, np.int64)
    order_U = np.lexsort(counts_UK.T)
    sorted_UK = counts_UK[order_U]
    is_new_U = np.concatenate([[True], (sorted_UK[1:] != sorted_UK[:-1]).any(axis=1)])
    which_U = np.empty(len(counts_UK), np.int64)
    which_U[order_U] = np.cumsum(is_new_U) - 1
    return sorted_UK[is_new_U], which_U
