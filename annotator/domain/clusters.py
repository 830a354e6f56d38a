"""Ratios of sums over clusters that depend within themselves: blocks, comparisons, hours.

C clusters
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from annotator.domain.ranking.spread import MIN_CLUSTERS, student_975
from annotator.domain.shares import wilson
from annotator.domain.wording import gettext_noop as _

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ratio:
    """part / whole with its 95 % interval.

    value      None where the whole is 0
    low, high  None where there are too few clusters to say
    n          clusters that have a share in the whole
    reason     why something is None, empty otherwise
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    reason: str = ""


def ratio_of(part_C: Floats, whole_C: Floats) -> Ratio:
    """Sum of the parts over the sum of the wholes, with Student's interval on the linearised ratio.

    The variance is C / (C − 1) · Σ (part − ratio · whole)² / (Σ whole)².
    Source: Cochran, Sampling Techniques (1977), section 6.4.
    """
    n, value, variance = _linearised(part_C, whole_C)
    if value is None:
        return Ratio(None, None, None, 0, _("Nothing to count yet."))
    if n < MIN_CLUSTERS:
        return Ratio(value, None, None, n, _("Too few to say how far it may vary."))
    reach = student_975(n - 1) * math.sqrt(variance)
    return Ratio(value, value - reach, value + reach, n)


def share_of_clusters(part_C: Floats, whole_C: Floats) -> Ratio:
    """As `ratio_of` for a share in [0, 1], with Wilson's interval among as many as the clusters are worth.

    That number is p (1 − p) / variance, but at most the whole and at least the
    clusters; where all agree, the variance says nothing and it is the clusters.
    Source: Dean and Pagano (2015), Evaluating Confidence Interval Methods for Binomial Proportions in Clustered
    Surveys.
    """
    n, p, variance = _linearised(part_C, whole_C)
    if p is None:
        return Ratio(None, None, None, 0, _("Nothing to count yet."))
    whole = float(whole_C.sum())
    worth = p * (1 - p) / variance if variance > 0 else n
    return Ratio(p, *wilson(p, min(max(worth, min(n, whole)), whole)), n)


def _linearised(part_C: Floats, whole_C: Floats) -> tuple[int, float | None, float]:
    """Clusters that count, the ratio, and its variance (0 for a single cluster)."""
    counting_C = whole_C > 0
    part_C, whole_C = part_C[counting_C], whole_C[counting_C]
    n, whole = len(whole_C), float(whole_C.sum())
    if not whole:
        return 0, None, 0.0
    value = float(part_C.sum()) / whole
    if n < 2:
        return n, value, 0.0
    residual_C = part_C - value * whole_C
    return n, value, n / (n - 1) * float(residual_C @ residual_C) / whole**2
