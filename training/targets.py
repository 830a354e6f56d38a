"""Votes become a target: one row per comparison, whatever the number of judgments."""

from __future__ import annotations

from dataclasses import dataclass

from training.config import PreferenceSettings
from training.contract import CriterionVotes


@dataclass(frozen=True)
class Target:
    """What a row teaches.

    prefer_first  share of its judgments for first in [0, 1], a tie counting one half
    weight        how much the row counts, > 0
    tie_share     share of its judgments that were ties, in [0, 1]; 0 unless ties are an outcome of their own
    strength      how clear the preference was, in [0, 1]
    """

    prefer_first: float
    weight: float
    tie_share: float
    strength: float


def target_of(votes: CriterionVotes, settings: PreferenceSettings) -> Target | None:
    """The target that the settings ask for, or None when nothing is left to learn.

    Worked, for 2 votes for first, 1 for second and 1 tie (prefer_first 0.625, tie_share 0.25, weight 4):
    votes and ties half: 0.625, weight 4. Ties left out: 2/3, weight 3. Majority: 1, weight 4.
    """
    prefer, weight, tie = votes.prefer_first, votes.weight, votes.tie_share
    if settings.targets == "majority":
        if prefer == 0.5:
            return None
        prefer, tie = float(prefer > 0.5), 0.0
    elif settings.ties == "leave_out":
        decided = 1 - tie
        if decided <= 0:
            return None
        prefer, weight, tie = (prefer - tie / 2) / decided, weight * decided, 0.0
    if settings.weighting == "equal":
        weight = 1.0
    if settings.strength == "scale":
        # A tie is as clear as a tie can be: only the decided part is scaled.
        weight *= tie + (1 - tie) * votes.strength if prefer != 0.5 else 1.0
    if weight <= 0:
        return None
    return Target(min(1.0, max(0.0, prefer)), weight, tie, votes.strength)
