"""Many judgments become truth: what each comparison teaches, and how far each rater can be relied on.

votes        one comparison's votes → its target
arrays       all judgments at once
dawid_skene  raters as tables of errors
joint        differences, reliabilities, leans: one model
consensus    the targets of all comparisons, in one of these ways
standing     who seems not to look at the answers, and why
"""

from annotator.domain.aggregation.arrays import Judgments
from annotator.domain.aggregation.consensus import Consensus, Targets, targets_of
from annotator.domain.aggregation.dawid_skene import DawidSkene, dawid_skene_fit
from annotator.domain.aggregation.joint import Joint, joint_fit
from annotator.domain.aggregation.standing import Habit, Standing, standings_of
from annotator.domain.aggregation.votes import Target, target_adjudicated, target_of, target_of_counts

__all__ = [
    "Consensus",
    "DawidSkene",
    "Habit",
    "Joint",
    "Judgments",
    "Standing",
    "Target",
    "Targets",
    "dawid_skene_fit",
    "joint_fit",
    "standings_of",
    "target_adjudicated",
    "target_of",
    "target_of_counts",
    "targets_of",
]
