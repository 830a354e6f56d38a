"""Comparisons whose right answer is known, to explain, to practise and to examine with."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from annotator.domain.verdicts import Outcome, Preset, Verdict
from annotator.domain.wording import gettext_noop as _


class Right(StrEnum):
    """What can be right about a pair; how strongly somebody prefers an answer is never wrong."""

    FIRST = "first"
    SECOND = "second"
    TIE = "tie"
    BOTH_GOOD = "both_good"
    BOTH_BAD = "both_bad"
    CANNOT_JUDGE = "cannot_judge"


class GoldUse(StrEnum):
    EXAMPLE = "example"  # stands in the guidelines
    PRACTICE = "practice"  # answered with feedback at once
    EXAM = "exam"  # decides whether a rater may begin
    CHECK = "check"  # stands unmarked among the pairs of a round


class SittingKind(StrEnum):
    PRACTICE = "practice"
    EXAM = "exam"


# In the words of the buttons; the first answer is A wherever gold is written or read.
RIGHT_WORDS: dict[Right, str] = {
    Right.FIRST: _("A is better"),
    Right.SECOND: _("B is better"),
    Right.TIE: _("Tie"),
    Right.BOTH_GOOD: _("Both good"),
    Right.BOTH_BAD: _("Both bad"),
    Right.CANNOT_JUDGE: _("Can’t judge"),
}
USE_WORDS: dict[GoldUse, str] = {
    GoldUse.EXAMPLE: _("Example in the guidelines"),
    GoldUse.PRACTICE: _("Practice, with feedback"),
    GoldUse.EXAM: _("Exam"),
    GoldUse.CHECK: _("Hidden check"),
}


def said_about(verdict: Verdict) -> Right:
    """Which of these a verdict amounts to."""
    if verdict.outcome is Outcome.PREFER:
        return Right.FIRST if (verdict.value or 0) < 0 else Right.SECOND
    return Right(verdict.outcome.value)


def rights_as_shown(right: Collection[str], *, first_on_left: bool) -> list[Right]:
    """What is right about the sides as somebody sees them."""
    swap = {} if first_on_left else {Right.FIRST: Right.SECOND, Right.SECOND: Right.FIRST}
    return [swap.get(Right(kind), Right(kind)) for kind in right]


def is_overruled(right: Collection[str], decided: Verdict) -> bool:
    """Whether a decision says otherwise than the gold that it is about; who cannot judge says nothing."""
    return decided.outcome is not Outcome.CANNOT_JUDGE and said_about(decided) not in right


def can_be_answered(preset: Preset, right: Collection[str]) -> bool:
    """Whether the answers of this scale include one that is right."""
    sayable = {Right(outcome.value) for outcome in preset.outcomes} | {Right.FIRST, Right.SECOND}
    return not sayable.isdisjoint(right)


def is_passed(right: int, asked: int, share: float) -> bool:
    """Whether so many right answers reach the share that is wanted. Half a percent never decides by rounding."""
    return right >= share * asked - 1e-9
