"""Five points: who is better, and whether clearly."""

from annotator.domain.verdicts import Answer, Outcome, Preset
from annotator.domain.wording import gettext_noop as _

PRESET = Preset(
    code="five_point",
    name=_("Five points"),
    question=_("Which answer is better?"),
    scale=(
        Answer("a", _("A is better"), Outcome.PREFER, -1.0),
        Answer("slightly_a", _("A slightly"), Outcome.PREFER, -0.5),
        Answer("tie", _("Tie"), Outcome.TIE, 0.0),
        Answer("slightly_b", _("B slightly"), Outcome.PREFER, 0.5),
        Answer("b", _("B is better"), Outcome.PREFER, 1.0),
    ),
    outcomes=frozenset([Outcome.TIE, Outcome.BOTH_BAD]),
)
