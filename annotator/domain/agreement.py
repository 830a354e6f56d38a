"""How far raters agree, with n and a 95 % interval, or the reason why it cannot be said."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import krippendorff
import numpy as np

from annotator.domain.wording import gettext_noop as _

RESAMPLES = 400


@dataclass(frozen=True)
class Agreement:
    """A coefficient over comparisons that at least two people judged.

    value, low, high  the estimate and its interval; None when undefined
    n                 comparisons with two judgments or more
    reason            why it is undefined, empty otherwise
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    reason: str = ""


# comparison id → rater id → which side won: "first", "second" or "equal"
Votes = Mapping[int, Mapping[int, str]]


def percent_agreement(votes: Votes) -> Agreement:
    """Share of pairs of raters on the same comparison who said the same, averaged over comparisons."""
    shares = [_pairwise_share(list(by_rater.values())) for by_rater in votes.values() if len(by_rater) > 1]
    if not shares:
        return Agreement(None, None, None, 0, _("No comparison has two judgments yet."))
    rng = random.Random(0)
    means = [sum(rng.choices(shares, k=len(shares))) / len(shares) for _ in range(RESAMPLES)]
    return Agreement(sum(shares) / len(shares), *_interval(means), len(shares))


def krippendorff_alpha(votes: Votes) -> Agreement:
    """Krippendorff's alpha, nominal: 1 = perfect, 0 = chance. Interval by resampling comparisons."""
    overlapping = [by_rater for by_rater in votes.values() if len(by_rater) > 1]
    if not overlapping:
        return Agreement(None, None, None, 0, _("No comparison has two judgments yet."))
    counts = np.array([[list(v.values()).count(side) for side in ("first", "second", "equal")] for v in overlapping])
    if np.count_nonzero(counts.sum(axis=0)) < 2:
        return Agreement(None, None, None, len(overlapping), _("Everybody gave the same answer everywhere."))
    value = _alpha(counts)
    rng = np.random.default_rng(0)
    samples = (counts[rng.integers(0, len(counts), len(counts))] for _ in range(RESAMPLES))
    values = [_alpha(sample) for sample in samples if np.count_nonzero(sample.sum(axis=0)) > 1]
    return Agreement(value, *_interval(values), len(overlapping))


def _alpha(counts: np.ndarray) -> float:
    return float(krippendorff.alpha(value_counts=counts, level_of_measurement="nominal"))


def _pairwise_share(answers: Sequence[str]) -> float:
    pairs = [(a, b) for i, a in enumerate(answers) for b in answers[i + 1 :]]
    return sum(a == b for a, b in pairs) / len(pairs)


def _interval(values: Sequence[float]) -> tuple[float, float]:
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
