"""HelpSteer: seven points from −3 to 3, with a short reason."""

from annotator.domain.verdicts import Outcome, Preset, graded
from annotator.domain.wording import gettext_noop as _

PRESET = Preset(
    code="helpsteer",
    name=_("HelpSteer, −3 to 3"),
    question=_("How much better is one answer than the other?"),
    scale=graded(
        (_("A much better"), _("B much better"), 1.0),
        (_("A better"), _("B better"), 2 / 3),
        (_("A slightly better"), _("B slightly better"), 1 / 3),
        tie=_("About the same"),
    ),
    outcomes=frozenset([Outcome.TIE, Outcome.CANNOT_JUDGE]),
    source="Wang et al. (2024), HelpSteer2-Preference, arXiv 2410.01257",
)
