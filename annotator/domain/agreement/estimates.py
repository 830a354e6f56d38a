"""What is said of an agreement, and when nothing can be said."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from annotator.domain.agreement.chance import Chance
from annotator.domain.shares import wilson
from annotator.domain.wording import gettext_noop as _

NO_PAIR = _("No comparison has two judgments yet.")
NO_DECIDED_PAIR = _("No comparison has two judgments that prefer a side yet.")
ALL_THE_SAME = _("Everybody gave the same answer everywhere.")


@dataclass(frozen=True)
class Agreement:
    """A coefficient over comparisons that at least two people judged.

    value, low, high  the estimate and its 95 % interval; None when undefined
    n                 comparisons that were counted
    reason            why it is undefined, empty otherwise
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    reason: str = ""


def undefined(n: int, reason: str) -> Agreement:
    return Agreement(None, None, None, n, reason)


def estimated(found: Chance, n: int) -> Agreement:
    """The estimate over n > 0 comparisons: place 0 of B values; the others are its resamples.

    The interval lies between their 2.5 % and 97.5 % points, those that are undefined left out. Where all are
    equal, as when everybody agreed so far, they show no doubt although there is some: Wilson's interval of the
    observed agreement among n stands in, corrected for chance like the estimate.
    """
    value_B = found.corrected_B
    if np.isnan(value_B[0]):
        return undefined(n, ALL_THE_SAME)
    value, others = float(value_B[0]), value_B[1:][~np.isnan(value_B[1:])]
    low, high = np.quantile(others, [0.025, 0.975]) if len(others) else (value, value)
    if high - low < 1e-12:
        observed, expected = float(found.observed_B[0]), float(found.expected_B[0])
        low, high = ((share - expected) / (1 - expected) for share in wilson(min(max(observed, 0.0), 1.0), n))
    return Agreement(value, min(float(low), value), max(float(high), value), n)
