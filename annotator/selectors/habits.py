"""What a rater may learn about their own judging: feedback, not a score."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

from django.utils.translation import gettext as _

from annotator.domain.verdicts import Outcome
from annotator.models import Judgment, Project, User
from annotator.selectors.quality import Estimate, left_share, seconds_median, share_of

NEWEST = 500  # judgments of one's own that are looked at: what one does now, and quick to read
ENOUGH = 10  # fewer than this many say nothing about a habit, and much about chance


@dataclass(frozen=True)
class Habits:
    """Each with n and its interval, or the reason why it cannot be said yet.

    agreement    how often others said the same about the same pair
    consistency  how often one said the same when the same two answers came again
    left         how often the left answer won
    seconds      time per judgment
    """

    agreement: Estimate
    consistency: Estimate
    left: Estimate
    seconds: Estimate

    @property
    def all(self) -> list[Estimate]:
        return [self.agreement, self.consistency, self.left, self.seconds]


def habits_of(rater: User, project: Project) -> Habits:
    """Over this rater's newest judgments in the project."""
    mine = list(
        Judgment.with_checks.current()
        .filter(assignment__rater=rater, assignment__comparison__round__project=project)
        .exclude(outcome=Outcome.CANNOT_JUDGE)
        .order_by("-pk")
        .select_related("assignment__comparison")[:NEWEST]
    )
    return Habits(_agreement(rater, mine), _consistency(mine), _left(mine), seconds_median(one.seconds for one in mine))


def _agreement(rater: User, mine: list[Judgment]) -> Estimate:
    said = {one.assignment.comparison_id: one.preferred_id for one in mine}
    others = (
        Judgment.objects.current()
        .filter(assignment__comparison__in=said)
        .exclude(assignment__rater=rater)
        .exclude(outcome=Outcome.CANNOT_JUDGE)
        .values_list("assignment__comparison_id", "preferred_id")
    )
    same = [said[comparison] == preferred for comparison, preferred in others]
    return _share(
        same,
        _("Others said the same"),
        _("Of other people’s judgments on pairs that you judged too: A, B or no difference. People may well differ."),
    )


def _consistency(mine: list[Judgment]) -> Estimate:
    """The same two answers may come again in another comparison, and on other sides."""
    by_pair: dict[frozenset[int], list[int | None]] = defaultdict(list)
    for one in mine:
        comparison = one.assignment.comparison
        by_pair[frozenset((comparison.first_id, comparison.second_id))].append(one.preferred_id)
    same = [a == b for said in by_pair.values() for a, b in pairwise(said)]
    return _share(
        same,
        _("You said the same again"),
        _("Of pairs that came to you a second time."),
    )


def _left(mine: list[Judgment]) -> Estimate:
    decided = [one for one in mine if one.preferred_id is not None]
    return left_share(
        [(one.preferred_id == one.assignment.comparison.first_id) == one.assignment.first_on_left for one in decided]
    )


def _share(same: list[bool], title: str, definition: str) -> Estimate:
    if len(same) < ENOUGH:
        reason = _("Too few pairs yet to say.")
        return Estimate(title, definition, "share", None, None, None, len(same), reason=reason)
    return share_of(sum(same), len(same), title, definition)
