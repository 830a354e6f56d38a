"""WebGPT: five points of overall usefulness."""

from annotator.domain.verdicts import Outcome, Preset, graded
from annotator.domain.wording import gettext_noop as _

PRESET = Preset(
    code="webgpt",
    name=_("WebGPT, five points"),
    question=_("Which answer is more useful overall?"),
    scale=graded(
        (_("A much better"), _("B much better"), 1.0), (_("A better"), _("B better"), 0.5), tie=_("Equally good")
    ),
    outcomes=frozenset([Outcome.TIE]),
    source="Nakano et al. (2021), arXiv 2112.09332, appendix C",
)
