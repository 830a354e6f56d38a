"""Votes between contestants, counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Places = NDArray[np.int64]


class Ties(StrEnum):
    HALF = "half"  # half a win for each side, as Arena counts them
    DAVIDSON = "davidson"  # an outcome of its own, with a probability of its own
    DROPPED = "dropped"  # left out


@dataclass(frozen=True)
class Votes:
    """R rows of counted votes between K contestants; both sides of a row differ.

    first_R, second_R         contestants as numbers from 0 to K - 1
    wins_R, losses_R, ties_R  votes for the first, for the second, for neither; fractions are allowed
    cluster_R                 what makes votes depend on each other: the rater, or the prompt, as any whole number
    style_RS                  covariates, positive where the first has more of it; S may be 0
    """

    contestants: int
    first_R: Places
    second_R: Places
    wins_R: Numbers
    losses_R: Numbers
    ties_R: Numbers
    cluster_R: Places
    style_RS: Numbers

    @property
    def n_R(self) -> Numbers:
        return self.wins_R + self.losses_R + self.ties_R

    @property
    def n(self) -> float:
        return float(self.n_R.sum())

    def of(self, chosen_R: NDArray[np.bool_] | Places) -> Votes:
        """Some of the rows."""
        return replace(
            self,
            first_R=self.first_R[chosen_R], second_R=self.second_R[chosen_R], wins_R=self.wins_R[chosen_R],
            losses_R=self.losses_R[chosen_R], ties_R=self.ties_R[chosen_R], cluster_R=self.cluster_R[chosen_R],
            style_RS=self.style_RS[chosen_R],
        )  # fmt: skip

    def weighted(self, weight_R: Numbers) -> Votes:
        """Every row counted so many times."""
        return replace(
            self, wins_R=self.wins_R * weight_R, losses_R=self.losses_R * weight_R, ties_R=self.ties_R * weight_R
        )

    def swapped(self) -> Votes:
        """The same votes told from the other side."""
        return replace(
            self,
            first_R=self.second_R, second_R=self.first_R, wins_R=self.losses_R, losses_R=self.wins_R,
            style_RS=-self.style_RS,
        )  # fmt: skip

    def counting(self, ties: Ties) -> Votes:
        """The votes that count under this treatment of ties, as they were cast."""
        left = replace(self, ties_R=np.zeros_like(self.ties_R)) if ties is Ties.DROPPED else self
        return left.of(left.n_R > 0)

    def treated(self, ties: Ties) -> Votes:
        """The votes as this treatment of ties counts them; only Davidson's leaves ties behind."""
        if ties is Ties.DAVIDSON:
            return self
        half_R = self.ties_R / 2 if ties is Ties.HALF else np.zeros_like(self.ties_R)
        return replace(
            self, wins_R=self.wins_R + half_R, losses_R=self.losses_R + half_R, ties_R=np.zeros_like(self.ties_R)
        )

    def by_pair(self, *, and_cluster: bool = False) -> Votes:
        """One row per pair, or per pair and cluster, the smaller number first. The style is lost.

        Counts of the same pair are added, so negative ones may take away what others brought.
        """
        is_turned_R = self.first_R > self.second_R
        low_R, high_R = np.minimum(self.first_R, self.second_R), np.maximum(self.first_R, self.second_R)
        ids_C, cluster_R = np.unique(self.cluster_R if and_cluster else np.zeros_like(low_R), return_inverse=True)
        key_R = (low_R * self.contestants + high_R) * max(len(ids_C), 1) + cluster_R
        key_N, place_R = np.unique(key_R, return_inverse=True)
        pair_N, cluster_N = np.divmod(key_N, max(len(ids_C), 1))

        def summed(value_R: Numbers) -> Numbers:
            return totals(place_R, value_R, len(key_N))

        return Votes(
            self.contestants, pair_N // self.contestants, pair_N % self.contestants,
            summed(np.where(is_turned_R, self.losses_R, self.wins_R)),
            summed(np.where(is_turned_R, self.wins_R, self.losses_R)),
            summed(self.ties_R), ids_C[cluster_N], np.zeros((len(key_N), 0)),
        )  # fmt: skip

    def n_of_each(self) -> Numbers:
        """How many votes each contestant took part in, shape (K,)."""
        n_R = self.n_R
        return totals(self.first_R, n_R, self.contestants) + totals(self.second_R, n_R, self.contestants)


def totals(place_R: Places, value_R: Numbers, places: int) -> Numbers:
    """The sum of the values at each place, shape (places,); fractions also where there are no rows."""
    return np.asarray(np.bincount(place_R, value_R, places), np.float64)


def votes_counted(
    contestants: int,
    rows: Sequence[tuple[int, int, float, float, float]],
    *,
    clusters: Sequence[int] | None = None,
    style: Sequence[Sequence[float]] | None = None,
) -> Votes:
    """Votes from rows of (first, second, wins, losses, ties); without clusters, each row is one of its own.

    Raises ValueError for a contestant against itself, an unknown contestant, or a negative count.
    """
    table = np.array(rows, np.float64).reshape(-1, 5)
    first_R, second_R = table[:, 0].astype(np.int64), table[:, 1].astype(np.int64)
    if (first_R == second_R).any():
        raise ValueError("a contestant is never compared with itself")
    if len(table) and (table[:, :2].min() < 0 or table[:, :2].max() >= contestants):
        raise ValueError(f"contestants are numbered from 0 to {contestants - 1}")
    if (table[:, 2:] < 0).any():
        raise ValueError("counts are never negative")
    return Votes(
        contestants, first_R, second_R, table[:, 2], table[:, 3], table[:, 4],
        np.arange(len(table)) if clusters is None else np.array(clusters, np.int64),
        np.zeros((len(table), 0)) if style is None else np.array(style, np.float64).reshape(len(table), -1),
    )  # fmt: skip
