"""HH: eight points and no middle."""

from annotator.domain.verdicts import Preset, graded
from annotator.domain.wording import gettext_noop as _

PRESET = Preset(
    code="hh",
    name=_("HH, eight points"),
    question=_("Which answer is more helpful and honest?"),
    scale=graded(
        (_("A much better"), _("B much better"), 1.0),
        (_("A better"), _("B better"), 5 / 7),
        (_("A slightly better"), _("B slightly better"), 3 / 7),
        (_("A barely better"), _("B barely better"), 1 / 7),
    ),
    source="Bai et al. (2022), arXiv 2204.05862, §2",
)
