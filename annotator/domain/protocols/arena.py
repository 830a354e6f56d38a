"""Arena: four buttons, of which two say that neither wins."""

from annotator.domain.verdicts import Answer, Outcome, Preset
from annotator.domain.wording import gettext_noop as _

PRESET = Preset(
    code="arena",
    name=_("Arena, four ways"),
    question=_("Which answer is better?"),
    scale=(
        Answer("a", _("A is better"), Outcome.PREFER, -1.0),
        Answer("tie", _("Tie"), Outcome.TIE, 0.0),
        Answer("b", _("B is better"), Outcome.PREFER, 1.0),
    ),
    outcomes=frozenset([Outcome.TIE, Outcome.BOTH_BAD]),
    source="Chiang et al. (2024), arXiv 2403.04132",
)
