"""What an answer to a comparison can say, and how it is understood.

A rater sees left and right. What is kept is about the first and the second
response: a signed value on one axis (negative = first is better), the kind of
outcome, and the raw answer with the preset it was given under.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum

from annotator.domain.wording import gettext_noop as _


class Outcome(StrEnum):
    PREFER = "prefer"  # one side is better; `value` says which and by how much
    TIE = "tie"  # equally good
    BOTH_GOOD = "both_good"
    BOTH_BAD = "both_bad"
    CANNOT_JUDGE = "cannot_judge"  # says nothing about the answers


OPTIONAL = (Outcome.TIE, Outcome.BOTH_GOOD, Outcome.BOTH_BAD, Outcome.CANNOT_JUDGE)


@dataclass(frozen=True)
class Answer:
    """One button.

    code     what the form sends and the judgment keeps
    label    what the button says
    outcome  what kind of verdict it is
    value    position on the shown axis in [-1, 1]: -1 = left is clearly better; None where there is no axis
    """

    code: str
    label: str
    outcome: Outcome
    value: float | None


# What an owner may add to any preset; a preset may word its own tie.
APART = {
    Outcome.TIE: Answer("tie", _("Tie"), Outcome.TIE, 0.0),
    Outcome.BOTH_GOOD: Answer("both_good", _("Both good"), Outcome.BOTH_GOOD, None),
    Outcome.BOTH_BAD: Answer("both_bad", _("Both bad"), Outcome.BOTH_BAD, None),
    Outcome.CANNOT_JUDGE: Answer("cannot_judge", _("Can’t judge"), Outcome.CANNOT_JUDGE, None),
}


@dataclass(frozen=True)
class Preset:
    """One way of asking.

    scale     answers on the axis, from left is better to right is better
    apart     answers without a place on it
    outcomes  beside a preference, what its source allows; an owner may decide otherwise
    source    where it was published
    template  the partial that draws it
    """

    code: str
    name: str
    question: str
    scale: tuple[Answer, ...]
    outcomes: frozenset[Outcome] = frozenset()
    source: str = ""
    template: str = "annotate/scales/buttons.html"
    apart: tuple[Answer, ...] = ()

    @property
    def answers(self) -> tuple[Answer, ...]:
        return self.scale + self.apart

    def allowing(self, outcomes: Collection[Outcome]) -> Preset:
        """This preset with just these outcomes beside a preference; a tie stands in the middle of the scale."""
        worded = next((answer for answer in self.scale if answer.outcome is Outcome.TIE), APART[Outcome.TIE])
        scale = [answer for answer in self.scale if answer.outcome is not Outcome.TIE]
        if Outcome.TIE in outcomes:
            scale.insert(sum((answer.value or 0) < 0 for answer in scale), worded)
        apart = [APART[outcome] for outcome in OPTIONAL[1:] if outcome in outcomes]
        return replace(self, scale=tuple(scale), apart=tuple(apart), outcomes=frozenset(outcomes))

    def answer(self, code: str) -> Answer:
        """The answer with this code. Raises KeyError for a code this preset does not offer."""
        for answer in self.answers:
            if answer.code == code:
                return answer
        raise KeyError(code)


@dataclass(frozen=True)
class Verdict:
    """An answer understood: outcome, and value about first (negative) and second (positive)."""

    outcome: Outcome
    value: float | None


def verdict_of(answer: Answer, *, first_on_left: bool) -> Verdict:
    """Turn what was pressed on the shown sides into what it says about the responses."""
    if answer.value is None:
        return Verdict(answer.outcome, None)
    value = answer.value if first_on_left else -answer.value
    return Verdict(answer.outcome, value + 0.0)  # + 0.0 turns -0.0 into 0.0


def graded(*grades: tuple[str, str, float], tie: str = "") -> tuple[Answer, ...]:
    """A scale that mirrors itself: (words for A, words for B, strength) of each grade, from the strongest on.

    `tie` words the middle. Codes are a1, a2, … from the strongest on, and b1, b2, …
    """
    numbered = list(enumerate(grades, 1))
    left = [Answer(f"a{place}", words, Outcome.PREFER, -strength) for place, (words, _b, strength) in numbered]
    right = [Answer(f"b{place}", words, Outcome.PREFER, strength) for place, (_a, words, strength) in numbered]
    middle = [Answer("tie", tie, Outcome.TIE, 0.0)] if tie else []
    return (*left, *middle, *reversed(right))
