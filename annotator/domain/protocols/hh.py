"""HH: eight points and no middle."""

from annotator.domain.verdicts import Preset, graded

PRESET = Preset(
    code="hh",
    name="HH, eight points",
    question="Which answer is more helpful and honest?",
    scale=graded(
        ("{} much better", 1.0), ("{} better", 5 / 7), ("{} slightly better", 3 / 7), ("{} barely better", 1 / 7)
    ),
    source="Bai et al. (2022), arXiv 2204.05862, §2",
)
