"""What all judgments together teach about each comparison, in one of several ways.

votes        the share of the votes, every rater the same (`target_of`, for all comparisons at once)
dawid_skene  which of first, tie, second is true, by raters' tables of errors
joint        what usual raters without leans would say, by differences, reliabilities and leans
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from annotator.domain.aggregation.arrays import FIRST, TIE, Ints, Judgments, Numbers, summed
from annotator.domain.aggregation.dawid_skene import dawid_skene_fit
from annotator.domain.aggregation.joint import joint_fit
from annotator.domain.aggregation.votes import Target

LIGHTEST = 0.01  # weight of a comparison that only raters judged who tell nothing: it has a row, and teaches nothing
HEAVIEST = 4.0  # usual raters that one rater may count for, however reliable
SHRINK = 2.0  # imaginary judgments per true answer in a rater's table


class Consensus(StrEnum):
    VOTES = "votes"
    DAWID_SKENE = "dawid_skene"
    JOINT = "joint"


@dataclass(frozen=True)
class Targets:
    """Fields as in Target, for C comparisons; `votes_C` is 0 where nobody could judge."""

    prefer_first_C: Numbers
    weight_C: Numbers
    tie_share_C: Numbers
    strength_C: Numbers
    votes_C: Ints

    def of(self, comparison: int) -> Target | None:
        """The target of one comparison, or None when nobody could judge it."""
        if not self.votes_C[comparison]:
            return None
        tie = min(1.0, max(0.0, float(self.tie_share_C[comparison])))
        first = min(1 - tie / 2, max(tie / 2, float(self.prefer_first_C[comparison])))
        weight = max(float(self.weight_C[comparison]), LIGHTEST)
        return Target(first, weight, tie, min(1.0, float(self.strength_C[comparison])))


def targets_of(judgments: Judgments, consensus: Consensus) -> Targets:
    """The target of every comparison. Without any judgment all votes are 0."""
    if not len(judgments) or consensus is Consensus.VOTES:
        return _votes(judgments)
    if consensus is Consensus.DAWID_SKENE:
        return _dawid_skene(judgments)
    return _joint(judgments)


def _votes(judgments: Judgments) -> Targets:
    votes_C = np.maximum(judgments.votes_C, 1)
    ones_J = np.ones(len(judgments))
    first_C, tie_C = (_count(judgments, said, ones_J) / votes_C for said in (FIRST, TIE))
    weight_C = judgments.votes_C.astype(np.float64)
    return Targets(first_C + tie_C / 2, weight_C, tie_C, _strength(judgments, ones_J), judgments.votes_C)


def _dawid_skene(judgments: Judgments) -> Targets:
    found = dawid_skene_fit(
        judgments.comparison_J,
        judgments.rater_J,
        judgments.said_J,
        comparisons=judgments.comparisons,
        raters=judgments.raters,
        answers=3,
        shrink=SHRINK,
        tolerance=1e-3,
    )
    information_J = found.information_R[judgments.rater_J]
    usual = float(information_J.mean())
    # All said the same everywhere: nothing tells raters apart.
    trust_J = np.minimum(information_J / usual, HEAVIEST) if usual > 1e-6 else np.ones(len(judgments))
    first_C, tie_C = found.posterior_CT[:, FIRST], found.posterior_CT[:, TIE]
    return _weighed(judgments, first_C + tie_C / 2, tie_C, trust_J)


def _joint(judgments: Judgments) -> Targets:
    found = joint_fit(judgments)
    trust_J = np.minimum(found.raters.information_R, HEAVIEST)[judgments.rater_J]
    return _weighed(judgments, found.prefer_first_C, found.tie_C, trust_J)


def _weighed(judgments: Judgments, first_C: Numbers, tie_C: Numbers, trust_J: Numbers) -> Targets:
    weight_C = summed(judgments.comparison_J, trust_J, judgments.comparisons)
    return Targets(first_C, weight_C, tie_C, _strength(judgments, trust_J), judgments.votes_C)


def _count(judgments: Judgments, said: int, weight_J: Numbers) -> Numbers:
    return summed(judgments.comparison_J, weight_J * (judgments.said_J == said), judgments.comparisons)


def _strength(judgments: Judgments, weight_J: Numbers) -> Numbers:
    """Mean |value| of the judgments that prefer a side, each by its weight; 0 where none does."""
    decided_J = weight_J * (judgments.said_J != TIE) + 1e-12 * (judgments.said_J != TIE)
    total_C = summed(judgments.comparison_J, decided_J, judgments.comparisons)
    strength_C = summed(judgments.comparison_J, decided_J * np.abs(judgments.value_J), judgments.comparisons)
    return strength_C / np.where(total_C > 0, total_C, 1.0)
