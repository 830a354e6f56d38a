"""Which pair to ask about next: what one more judgment is expected to tell about the ranking."""

from __future__ import annotations

import numpy as np

from annotator.domain.ranking.bradley_terry import fit
from annotator.domain.ranking.votes import Numbers, Places, Ties, Votes

PRIOR_SD = 1.0  # logits: what is believed of strengths before anybody voted


def belief(votes: Votes, *, prior_sd: float = PRIOR_SD) -> tuple[Numbers, Numbers]:
    """Strengths of all K contestants and their covariance, from the votes and a normal prior. Shapes (K,) and (K, K).

    The normal approximation at the most likely strengths; ties count half. Without any vote it is the prior.
    """
    found = fit(votes, Ties.HALF, prior_sd=prior_sd)
    return found.strength_Q, found.bread_PP[: votes.contestants, : votes.contestants]


def information_gain(strength_K: Numbers, cov_KK: Numbers, pair_N2: Places) -> Numbers:
    """Expected information of one more judgment on each pair about all strengths, in nats. Shape (N,), all >= 0.

    A judgment of i and j adds p (1 - p) to the information along their difference, so the logarithm of the volume
    of what is believed shrinks by half of log(1 + p (1 - p) v), v the variance of the difference: D-optimality
    for the law of Bradley and Terry. It asks most of pairs that are close and whose distance is unknown.
    Worked: equal strengths, v = 4: log(1 + 4 / 4) / 2 = 0.3466.
    """
    i_N, j_N = pair_N2[:, 0], pair_N2[:, 1]
    own_K = np.diag(cov_KK)
    variance_N = np.maximum(own_K[i_N] + own_K[j_N] - 2 * cov_KK[i_N, j_N], 0)
    return np.log1p(_bend(strength_K, i_N, j_N) * variance_N) / 2


def order_gain(strength_K: Numbers, cov_KK: Numbers, pair_N2: Places) -> Numbers:
    """How much one more judgment on each pair is expected to tell about who is above whom. Shape (N,), all >= 0.

    The variances of all differences that a judgment takes away, each weighed by how likely the two
    are to be equal (the density of their difference at zero): the distance between far ones is of no interest.
    """
    i_N, j_N = pair_N2[:, 0], pair_N2[:, 1]
    own_K = np.diag(cov_KK)
    variance_KK = np.maximum(own_K[:, None] + own_K[None, :] - 2 * cov_KK, 1e-12)
    ahead_KK = strength_K[:, None] - strength_K[None, :]
    weight_KK = np.exp(-(ahead_KK**2) / variance_KK / 2) / np.sqrt(variance_KK)
    np.fill_diagonal(weight_KK, 0)
    laplacian_KK = np.diag(weight_KK.sum(axis=1)) - weight_KK
    moved_KK = cov_KK @ laplacian_KK @ cov_KK
    moved_N = moved_KK[i_N, i_N] + moved_KK[j_N, j_N] - 2 * moved_KK[i_N, j_N]
    bend_N = _bend(strength_K, i_N, j_N)
    return np.maximum(moved_N, 0) * bend_N / (1 + bend_N * variance_KK[i_N, j_N])


def order_gains(votes: Votes) -> Numbers:
    """`order_gain` of every pair after these votes, shape (K, K): symmetric, 0 of a contestant with itself."""
    strength_K, cov_KK = belief(votes)
    i_N, j_N = np.triu_indices(votes.contestants, 1)
    gain_KK = np.zeros((votes.contestants, votes.contestants))
    gain_KK[i_N, j_N] = gain_KK[j_N, i_N] = order_gain(strength_K, cov_KK, np.stack([i_N, j_N], axis=1))
    return gain_KK


def _bend(strength_K: Numbers, i_N: Places, j_N: Places) -> Numbers:
    """p (1 - p) of each pair."""
    p_N = 1 / (1 + np.exp(strength_K[j_N] - strength_K[i_N]))
    return p_N * (1 - p_N)
