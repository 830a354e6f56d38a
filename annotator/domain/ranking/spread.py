"""How far strengths would stray if other raters had been asked: the sandwich, and the bootstrap.

Votes of one rater depend on each other, so both take raters, not votes, as the units that vary. Whatever stands in
`Votes.cluster_R` is the unit, so votes counted by prompt give the spread over prompts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from annotator.domain.ranking.bradley_terry import Fit, fit, probabilities, summed
from annotator.domain.ranking.votes import Numbers

# Below it, clusters are too few to say how clusters differ; docs/leaderboard.md has the simulated coverage from it on.
MIN_CLUSTERS = 4
Z_95 = 1.959964


@dataclass(frozen=True)
class Spread:
    """cov_PP of a fit's parameters; `reach` times a standard error is half of a 95 % interval.

    clusters      how many there are
    is_clustered  whether they were the units; otherwise each vote was one of its own, as the law says
    """

    cov_PP: Numbers
    reach: float
    clusters: int
    is_clustered: bool


def sandwich(fitted: Fit) -> Spread:
    """The robust covariance: bread, meat, bread (Huber 1967; by cluster, Liang and Zeger 1986).

    1. The meat is the sum over clusters of the outer product of their scores, times C / (C - 1).
    2. The bread itself is added once, divided by C: as if one average cluster were as noisy as the law says. Without
       it, a handful of raters who happen to fit perfectly would claim to know everything.
    3. Intervals take Student's quantile with C - 1 degrees of freedom.
    With fewer than MIN_CLUSTERS clusters the covariance is the bread: votes as independent as the law says.
    """
    votes = fitted.votes.treated(fitted.ties)
    ids_C, place_R = np.unique(votes.cluster_R, return_inverse=True)
    clusters, bread_PP = len(ids_C), fitted.bread_PP
    if clusters < MIN_CLUSTERS:
        return Spread(bread_PP, Z_95, clusters, False)
    margin_R, tie_R = probabilities(votes, fitted.theta_P, fitted.has_nu)
    along_R = (votes.wins_R - votes.losses_R - votes.n_R * margin_R) / 2
    score_CP = summed(votes, along_R, votes.ties_R - votes.n_R * tie_R, fitted.has_nu, place_R, clusters)
    moved_CP = score_CP @ bread_PP
    cov_PP = moved_CP.T @ moved_CP * clusters / (clusters - 1) + bread_PP / clusters
    return Spread(cov_PP, student_975(clusters - 1), clusters, True)


def bootstrap(fitted: Fit, *, resamples: int = 200, seed: int = 0) -> Numbers:
    """Strengths of rated contestants after drawing clusters with replacement, shape (B, Q) with B <= `resamples`.

    Resamples in which not all of them have a strength are left out. The same seed gives the same numbers.
    """
    ids_C, place_R = np.unique(fitted.votes.cluster_R, return_inverse=True)
    if not len(ids_C):
        return np.zeros((0, 0))
    drawn_BC = np.random.default_rng(seed).multinomial(len(ids_C), np.full(len(ids_C), 1 / len(ids_C)), resamples)
    fits = (fit(fitted.votes.weighted(weight_C[place_R].astype(np.float64)), fitted.ties, start=fitted)
            for weight_C in drawn_BC)  # fmt: skip
    found = [one.strength_Q for one in fits if len(one.rated_Q) == len(fitted.rated_Q)]
    return np.array(found).reshape(-1, len(fitted.rated_Q))


def student_975(freedom: int) -> float:
    """The 97.5 % quantile of Student's distribution, within 0.004 from 3 degrees on.

    The expansion of Cornish and Fisher (Abramowitz and Stegun 26.7.5).
    """
    z = Z_95
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / freedom**power for power, term in enumerate(terms, 1))
