"""Many judgments of one comparison become one training target, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

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
    decided = [verdict.value for verdict in counted if verdict.outcome is Outcome.PREFER and verdict.value is not None]
    first = sum(value < 0 for value in decided)
    strength = sum(abs(value) for value in decided)
    return target_of_counts(first, len(decided) - first, len(counted) - len(decided), strength)


@lru_cache(maxsize=4096)
def target_of_counts(first: int, second: int, equal: int, strength: float) -> Target | None:
    """The same of votes that were counted: for first, for second, for neither; `strength` is the sum of |value|."""
    votes = first + second + equal
    if not votes:
        return None
    return Target(
        prefer_first=(first + equal / 2) / votes,
        weight=float(votes),
        tie_share=equal / votes,
        strength=strength / (first + second) if first + second else 0.0,
    )


def target_adjudicated(verdict: Verdict, votes: Target | None) -> Target | None:
    """What one person decided stands above the votes; it weighs as much as they did, and at least one judgment."""
    said = target_of([verdict])
    return said and replace(said, weight=max(votes.weight if votes else 1.0, 1.0))
