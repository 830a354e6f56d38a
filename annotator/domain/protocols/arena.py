"""Arena: four buttons, of which two say that neither wins."""

from annotator.domain.verdicts import Answer, Outcome, Preset

PRESET = Preset(
    code="arena",
    name="Arena, four ways",
    question="Which answer is better?",
    scale=(
        Answer("a", "A is better", Outcome.PREFER, -1.0),
        Answer("tie", "Tie", Outcome.TIE, 0.0),
        Answer("b", "B is better", Outcome.PREFER, 1.0),
    ),
    outcomes=frozenset([Outcome.TIE, Outcome.BOTH_BAD]),
    source="Chiang et al. (2024), arXiv 2403.04132",
)
