"""Five points: who is better, and whether clearly."""

from annotator.domain.verdicts import Answer, Outcome, Preset

PRESET = Preset(
    code="five_point",
    name="Five points",
    question="Which answer is better?",
    scale=(
        Answer("a", "A is better", Outcome.PREFER, -1.0),
        Answer("slightly_a", "A slightly", Outcome.PREFER, -0.5),
        Answer("tie", "Tie", Outcome.TIE, 0.0),
        Answer("slightly_b", "B slightly", Outcome.PREFER, 0.5),
        Answer("b", "B is better", Outcome.PREFER, 1.0),
    ),
    outcomes=frozenset([Outcome.TIE, Outcome.BOTH_BAD]),
)
