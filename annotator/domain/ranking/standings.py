"""A leaderboard: ratings with intervals, and the ranks that the votes leave open."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from annotator.domain.ranking.bradley_terry import Fit
from annotator.domain.ranking.spread import Spread
from annotator.domain.ranking.votes import Numbers, Votes

POINTS = 400 / math.log(10)  # of Elo's scale in a logit: 400 points are odds of ten to one
MIDDLE = 1000.0


@dataclass(frozen=True)
class Standing:
    """One contestant's place. rating, low, high, best and worst are None where there is no strength.

    contestant   its number
    rating       on Elo's scale; low and high are its 95 % interval
    best, worst  1 + how many are significantly better, and K - how many are significantly worse
    n            votes that it took part in
    reason       why it has no rating, empty otherwise
    """

    contestant: int
    rating: float | None
    low: float | None
    high: float | None
    best: int | None
    worst: int | None
    n: float
    reason: str = ""


def standings(votes: Votes, fitted: Fit, spread: Spread, *, anchor: int | None = None) -> list[Standing]:
    """Best first; those without a strength last, by name.

    anchor  the contestant that has 1000 points by definition; without one, or when it has no strength, the mean has
    """
    rated = [int(k) for k in fitted.rated_Q]
    cov_QQ = spread.cov_PP[: len(rated), : len(rated)]
    best_Q, worst_Q = ranks(fitted.strength_Q, cov_QQ, spread.reach)
    from_Q, of_Q = fitted.strength_Q, np.sqrt(np.maximum(np.diag(cov_QQ), 0))
    if anchor in rated:
        at = rated.index(anchor)
        from_Q = from_Q - from_Q[at]
        of_Q = errors_of_differences(cov_QQ)[:, at]
    n_K = votes.counting(fitted.ties).n_of_each()
    placed = [
        Standing(
            k,
            MIDDLE + POINTS * float(from_Q[q]),
            MIDDLE + POINTS * float(from_Q[q] - spread.reach * of_Q[q]),
            MIDDLE + POINTS * float(from_Q[q] + spread.reach * of_Q[q]),
            int(best_Q[q]),
            int(worst_Q[q]),
            float(n_K[k]),
        )
        for q, k in enumerate(rated)
    ]
    unplaced = [
        Standing(k, None, None, None, None, None, float(n_K[k]), reason)
        for k, reason in enumerate(fitted.reasons)
        if reason
    ]
    return sorted(placed, key=lambda one: -(one.rating or 0.0)) + unplaced


def ranks(strength_Q: Numbers, cov_QQ: Numbers, reach: float) -> tuple[Numbers, Numbers]:
    """The best and the worst rank that the votes leave open to each, 1 being the top. Shapes (Q,).

    Arena's rank is 1 + how many are significantly better. There, intervals that do not overlap say so; here the
    difference itself is tested, whose error is smaller than the two intervals suggest.
    """
    ahead_QQ = strength_Q[:, None] - strength_Q[None, :]
    is_better_QQ = ahead_QQ > reach * errors_of_differences(cov_QQ)
    np.fill_diagonal(is_better_QQ, False)
    return 1 + is_better_QQ.sum(axis=0), len(strength_Q) - is_better_QQ.sum(axis=1)


def errors_of_differences(cov_QQ: Numbers) -> Numbers:
    """Standard errors of strength_i - strength_j, shape (Q, Q)."""
    own_Q = np.diag(cov_QQ)
    return np.sqrt(np.maximum(own_Q[:, None] + own_Q[None, :] - 2 * cov_QQ, 0))
