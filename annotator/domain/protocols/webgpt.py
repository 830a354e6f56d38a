"""WebGPT: five points of overall usefulness."""

from annotator.domain.verdicts import Outcome, Preset, graded

PRESET = Preset(
    code="webgpt",
    name="WebGPT, five points",
    question="Which answer is more useful overall?",
    scale=graded(("{} much better", 1.0), ("{} better", 0.5), tie="Equally good"),
    outcomes=frozenset([Outcome.TIE]),
    source="Nakano et al. (2021), arXiv 2112.09332, appendix C",
)
