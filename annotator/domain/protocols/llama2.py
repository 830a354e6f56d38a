"""Llama 2: a forced choice in four strengths. The strengths are the margins that its reward model was trained with."""

from annotator.domain.verdicts import Preset, graded

PRESET = Preset(
    code="llama2",
    name="Llama 2, four strengths",
    question="Which answer do you prefer, and by how much?",
    scale=graded(
        ("{} significantly better", 1.0),
        ("{} better", 2 / 3),
        ("{} slightly better", 1 / 3),
        ("{} negligibly, or unsure", 0.1),  # published margin 0, but which side was chosen must stay readable
    ),
    source="Touvron et al. (2023), arXiv 2307.09288, §3.2",
)
