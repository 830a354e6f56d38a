"""How near two answers are: 1 for the same, 0 for the farthest. Positions ascend; shapes (K,) to (K, K)."""

from __future__ import annotations

import numpy as np

from annotator.domain.agreement.votes import Numbers


def identity(position_K: Numbers) -> Numbers:
    """The same or not."""
    return np.eye(len(position_K))


def linear(position_K: Numbers) -> Numbers:
    """One minus the distance, as a share of the whole axis. Source: Cohen (1968), Weighted kappa."""
    return 1 - _distance(position_K)


def quadratic(position_K: Numbers) -> Numbers:
    """One minus the squared distance: small differences cost little. Source: Fleiss and Cohen (1973)."""
    return 1 - _distance(position_K) ** 2


def _distance(position_K: Numbers) -> Numbers:
    """Between answers, as a share of the distance between the outermost ones."""
    apart_KK: Numbers = np.abs(position_K[:, None] - position_K)
    return apart_KK / max(float(apart_KK.max(initial=0.0)), 1e-300)
