"""Forced choice: one of the two, however close."""

from annotator.domain.verdicts import Answer, Outcome, Preset
from annotator.domain.wording import gettext_noop as _

PRESET = Preset(
    code="forced_choice",
    name=_("Forced choice"),
    question=_("Which answer is better?"),
    scale=(
        Answer("a", _("A is better"), Outcome.PREFER, -1.0),
        Answer("b", _("B is better"), Outcome.PREFER, 1.0),
    ),
)
