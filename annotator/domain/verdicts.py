"""How a comparison is asked and how the answer is understood.

A rater sees left and right. What is kept is about the first and the second
response: a signed value on one axis (negative = first is better), the kind of
outcome, and the raw answer with the preset it was given under.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    PREFER = "prefer"  # one side is better; `value` says which and by how much
    TIE = "tie"  # equally good
    BOTH_GOOD = "both_good"
    BOTH_BAD = "both_bad"
    CANNOT_JUDGE = "cannot_judge"  # says nothing about the answers


@dataclass(frozen=True)
class Answer:
    """One button.

    code     what the form sends and the judgment keeps
    label    what the button says
    key      the key that presses it
    outcome  what kind of verdict it is
    value    position on the shown axis in [-1, 1]: -1 = left is clearly better; None where there is no axis
    """

    code: str
    label: str
    key: str
    outcome: Outcome
    value: float | None


@dataclass(frozen=True)
class Preset:
    """One way of asking: its answers in the order of the buttons, left to right."""

    code: str
    name: str
    question: str
    answers: tuple[Answer, ...]

    def answer(self, code: str) -> Answer:
        """The answer with this code. Raises KeyError for a code this preset does not offer."""
        for answer in self.answers:
            if answer.code == code:
                return answer
        raise KeyError(code)


FIVE_POINT = Preset(
    code="five_point",
    name="Five points",
    question="Which answer is better?",
    answers=(
        Answer("a", "A is better", "1", Outcome.PREFER, -1.0),
        Answer("slightly_a", "A slightly", "2", Outcome.PREFER, -0.5),
        Answer("tie", "Tie", "3", Outcome.TIE, 0.0),
        Answer("slightly_b", "B slightly", "4", Outcome.PREFER, 0.5),
        Answer("b", "B is better", "5", Outcome.PREFER, 1.0),
        Answer("both_bad", "Both bad", "6", Outcome.BOTH_BAD, None),
    ),
)
FORCED_CHOICE = Preset(
    code="forced_choice",
    name="Forced choice",
    question="Which answer is better?",
    answers=(
        Answer("a", "A is better", "1", Outcome.PREFER, -1.0),
        Answer("b", "B is better", "2", Outcome.PREFER, 1.0),
    ),
)
PRESETS = {preset.code: preset for preset in (FIVE_POINT, FORCED_CHOICE)}


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
