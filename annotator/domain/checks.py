"""Hidden checks: what is asked to see whether a rater reads, how often, and what follows from the answers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from annotator.domain.wording import Unfit
from annotator.domain.wording import gettext_noop as _

MOST_CHECKED = 0.5  # of the pairs that a rater gets: the rest is the work


class CheckKind(StrEnum):
    GOLD = "gold"  # the right answer is known
    REPEAT = "repeat"  # judged by this rater before, shown the same way
    SWAP = "swap"  # judged by this rater before, sides exchanged


class Measure(StrEnum):
    """What is measured about a rater, and may pause them."""

    GOLD = "gold"  # share of gold answered right
    CONSISTENCY = "consistency"  # share of repeats and swaps that were answered as before
    FAST = "fast"  # share of judgments in less than the project's minimum time


@dataclass(frozen=True)
class Threshold:
    """Where a measure stops being good enough: below `bound`, or above it for FAST; looked at from `after` answers on.

    None as bound: nobody is paused by it.
    """

    bound: float | None
    after: int


@dataclass(frozen=True)
class CheckRules:
    """How a project checks its raters. All of it is off until an owner says otherwise.

    gold, repeat, swap  shares of the pairs that a rater gets, in [0, 1], together at most MOST_CHECKED
    min_seconds         judgments in less time than this count as too fast; 0: none do
    …_least, fast_most  bounds in (0, 1], None for none; …_after: answers that are needed first
    """

    gold: float = 0.0
    repeat: float = 0.0
    swap: float = 0.0
    min_seconds: float = 0.0
    gold_least: float | None = None
    gold_after: int = 10
    consistency_least: float | None = None
    consistency_after: int = 10
    fast_most: float | None = None
    fast_after: int = 30

    def __post_init__(self) -> None:
        shares = (self.gold, self.repeat, self.swap)
        if not all(0 <= share <= 1 for share in shares) or sum(shares) > MOST_CHECKED + 1e-9:
            raise Unfit(_("Shares of checks are numbers from 0 up, and together at most one half."))
        if not 0 <= self.min_seconds < math.inf:
            raise Unfit(_("The minimum time is a number of seconds from 0 up."))
        for threshold in self.thresholds.values():
            if threshold.bound is not None and not 0 < threshold.bound <= 1:
                raise Unfit(_("A threshold is a share above 0 and at most 1."))
            if threshold.after < 1:
                raise Unfit(_("A threshold needs at least one answer to look at."))

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> CheckRules:
        """As a project stores them; what is left out is as above. Raises Unfit."""
        if unknown := set(stored) - {field.name for field in fields(cls)}:
            raise Unfit(_("There is no rule “%(name)s” for checks."), name=min(unknown))
        return cls(**stored)

    @property
    def shares(self) -> list[float]:
        """In the order of CheckKind."""
        return [self.gold, self.repeat, self.swap]

    @property
    def thresholds(self) -> dict[Measure, Threshold]:
        return {
            Measure.GOLD: Threshold(self.gold_least, self.gold_after),
            Measure.CONSISTENCY: Threshold(self.consistency_least, self.consistency_after),
            Measure.FAST: Threshold(self.fast_most, self.fast_after),
        }

    @property
    def pauses(self) -> bool:
        """Whether anybody can be paused by a measure."""
        return any(threshold.bound is not None for threshold in self.thresholds.values())

    def is_failed(self, measure: Measure, *, low: float | None, high: float | None, n: int) -> bool:
        """Whether the whole interval lies on the wrong side of the threshold, so that chance alone seldom explains it.

        low, high  the 95 % interval of the measured share; None where nothing was measured
        """
        threshold = self.thresholds[measure]
        if threshold.bound is None or low is None or high is None or n < threshold.after:
            return False
        return low > threshold.bound if measure is Measure.FAST else high < threshold.bound


JUMP = 0.2  # of the active raters
JUMP_LEAST = 2  # one person may simply be careless


def is_jump(paused: int, active: int) -> bool:
    """Whether so many of the active raters were paused within a day that the check itself is the likelier culprit."""
    return paused >= JUMP_LEAST and paused >= JUMP * active
