"""Forced choice: one of the two, however close."""

from annotator.domain.verdicts import Answer, Outcome, Preset

PRESET = Preset(
    code="forced_choice",
    name="Forced choice",
    question="Which answer is better?",
    scale=(
        Answer("a", "A is better", Outcome.PREFER, -1.0),
        Answer("b", "B is better", Outcome.PREFER, 1.0),
    ),
)
