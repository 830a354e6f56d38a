"""Many judgments of one comparison become one training target, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from annotator.domain.verdicts import Outcome, Verdict

EQUAL = (Outcome.TIE, Outcome.BOTH_GOOD, Outcome.BOTH_BAD)


@dataclass(frozen=True)
class Target:
    """What a comparison teaches.

    prefer_first  share of the votes for first in [0, 1]; a tie counts one half
    weight        how many votes stand behind it
    tie_share     share of the votes that put both on a level, in [0, 1]
    strength      mean |value| of the votes that preferred a side, 0 when none did
    """

    prefer_first: float
    weight: float
    tie_share: float
    strength: float


def target_of(verdicts: Sequence[Verdict]) -> Target | None:
    """The target of one comparison, or None when nobody could judge it.

    Both good, both bad and tie all say "no difference", so each counts one
    half here; they stay distinct in the judgments and in the exports.
    Worked: votes A, A, tie give prefer_first = (1 + 1 + ½) / 3 = 0.8333.
    """
    counted = [verdict for verdict in verdicts if verdict.outcome is not Outcome.CANNOT_JUDGE]
    if not counted:
        return None
    decided = [verdict.value for verdict in counted if verdict.outcome is Outcome.PREFER and verdict.value is not None]
    equal = len(counted) - len(decided)
    first_wins = sum(value < 0 for value in decided)
    return Target(
        prefer_first=(first_wins + equal / 2) / len(counted),
        weight=float(len(counted)),
        tie_share=equal / len(counted),
        strength=sum(abs(value) for value in decided) / len(decided) if decided else 0.0,
    )
