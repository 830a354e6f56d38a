"""HelpSteer: seven points from −3 to 3, with a short reason."""

from annotator.domain.verdicts import Outcome, Preset, graded

PRESET = Preset(
    code="helpsteer",
    name="HelpSteer, −3 to 3",
    question="How much better is one answer than the other?",
    scale=graded(("{} much better", 1.0), ("{} better", 2 / 3), ("{} slightly better", 1 / 3), tie="About the same"),
    outcomes=frozenset([Outcome.TIE, Outcome.CANNOT_JUDGE]),
    source="Wang et al. (2024), HelpSteer2-Preference, arXiv 2410.01257",
)
