"""Ratios of sums over clusters that depend within themselves: blocks, comparisons, hours.

C clusters
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from annotator.domain.ranking.spread import MIN_CLUSTERS, student_975
from annotator.domain.shares import wilson
from annotator.domain.wording import gettext_noop as _


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


def ratio_of(part_C: npt.ArrayLike, whole_C: npt.ArrayLike) -> Ratio:
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


def share_of_clusters(part_C: npt.ArrayLike, whole_C: npt.ArrayLike) -> Ratio:
    """As `ratio_of` for a share in [0, 1], with Wilson's interval among as many as the clusters are worth.

    That number is p (1 − p) / variance, but at most the whole and at least the
    clusters; where all agree, the variance says nothing and it is the clusters.
    Source: Dean and Pagano (2015), Evaluating Confidence Interval Methods for Binomial Proportions in Clustered
    Surveys.
    """
    n, p, variance = _linearised(part_C, whole_C)
    if p is None:
        return Ratio(None, None, None, 0, _("Nothing to count yet."))
    whole = float(np.sum(whole_C))
    worth = p * (1 - p) / variance if variance > 0 else n
    return Ratio(p, *wilson(p, min(max(worth, min(n, whole)), whole)), n)


def _linearised(part_C: npt.ArrayLike, whole_C: npt.ArrayLike) -> tuple[int, float | None, float]:
    """Clusters that count, the ratio, and its variance (0 for a single cluster)."""
    parts_C, wholes_C = np.asarray(part_C, np.float64), np.asarray(whole_C, np.float64)
    parts_C, wholes_C = parts_C[wholes_C > 0], wholes_C[wholes_C > 0]
    n, whole = len(wholes_C), float(wholes_C.sum())
    if not whole:
        return 0, None, 0.0
    value = float(parts_C.sum()) / whole
    if n < 2:
        return n, value, 0.0
    residual_C = parts_C - value * wholes_C
    return n, value, n / (n - 1) * float(residual_C @ residual_C) / whole**2
