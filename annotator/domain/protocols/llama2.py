"""Llama 2: a forced choice in four strengths. The strengths are the margins that its reward model was trained with."""

from annotator.domain.verdicts import Preset, graded
from annotator.domain.wording import gettext_noop as _

PRESET = Preset(
    code="llama2",
    name=_("Llama 2, four strengths"),
    question=_("Which answer do you prefer, and by how much?"),
    scale=graded(
        (_("A significantly better"), _("B significantly better"), 1.0),
        (_("A better"), _("B better"), 2 / 3),
        (_("A slightly better"), _("B slightly better"), 1 / 3),
        (
            _("A negligibly, or unsure"),
            _("B negligibly, or unsure"),
            0.1,
        ),  # published margin 0, but which side was chosen must stay readable
    ),
    source="Touvron et al. (2023), arXiv 2307.09288, §3.2",
)
