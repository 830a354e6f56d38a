"""What a rater has done and what is left for them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from django.db.models import Exists, F, OuterRef, QuerySet, Sum

from annotator.domain.lifecycles import AssignmentState, RoundState
from annotator.models import (
    Assignment,
    Comparison,
    Judgment,
    Member,
    Project,
    RaterHour,
    Round,
    RoundTally,
    User,
)

MOVING = (RoundState.DRAFT, RoundState.FROZEN, RoundState.TRAINING, RoundState.EVALUATED)
PAGE = 20  # judged comparisons on a page
LOOKED_BACK = 20  # answers of a rater, wherever they gave them, among which is what undo goes back to


@dataclass(frozen=True)
class Progress:
    """The line above the pair."""

    answered_by_me: int
    answered: int
    wanted: int
    rater: User
    round_id: int | None
    round_state: str | None

    @cached_property
    def state(self) -> Literal["ready", "preparing", "done"]:
        """Asked only where a page has no pair to show.

        ready      there is a comparison for this rater
        preparing  none now, but the round is being written or learnt from
        done       this rater has judged or skipped all that is open to them
        """
        if self.round_id is None:
            return "done"
        if self.round_state in MOVING:
            return "preparing"
        return "ready" if _has_any(self.rater, self.round_id) else "done"


def progress_for_rater(rater: User, project: Project) -> Progress:
    """How far this rater and everybody together are in the newest round."""
    newest = Round.objects.filter(project=project).exclude(state=RoundState.ABANDONED).order_by("-number").first()
    sums = RoundTally.objects.filter(round=newest).sums()
    hours = RaterHour.objects.filter(rater=rater, round=newest)
    mine = hours.aggregate(answered=Sum("answered"), checks=Sum("checks"))
    answered = answered_seen(sums["answered"], sums["wanted"], mine["checks"] or 0)
    return Progress(
        mine["answered"] or 0, answered, sums["wanted"], rater, newest.pk if newest else None,
        newest.state if newest else None,
    )  # fmt: skip


def answered_seen(answered: int, wanted: int, checks: int) -> int:
    """How far everybody is, as this rater sees it: one further for each hidden check that they answered themself.

    A sum that stood still after some answers would tell which were checks.
    """
    return min(answered + checks, max(answered, wanted))


def last_answered(rater: User, project: Project) -> Assignment | None:
    """The assignment that *undo* goes back to: the newest answer that can still be corrected.

    Of somebody who has judged LOOKED_BACK pairs elsewhere since, none: or a page would read all that they ever did.
    """
    answered = Assignment.objects.filter(rater=rater, state=AssignmentState.ANSWERED).order_by("-ended_at", "-id")
    return (
        Assignment.objects.filter(
            pk__in=answered.values("pk")[:LOOKED_BACK],
            comparison__round__project=project,
            comparison__round__state=RoundState.COLLECTING,
        )
        .select_related("comparison__prompt", "comparison__first", "comparison__second", "comparison__round__project")
        .order_by("-ended_at", "-id")
        .first()
    )


@dataclass(frozen=True)
class Said:
    """One comparison that a rater judged: what counts now, and what they had said before it.

    can_change  while its round collects; once a snapshot froze it, it stays
    """

    assignment: Assignment
    current: Judgment
    earlier: list[Judgment]
    can_change: bool


@dataclass(frozen=True)
class Page:
    """older: where the next page begins, None on the last one."""

    judged: list[Said]
    older: int | None


def judgments_of(rater: User, project: Project, *, before: int | None = None) -> Page:
    """A rater's judged comparisons by their newest judgment, a page at a time, each with its whole history."""
    newest = (
        Judgment.with_checks.current()
        .filter(assignment__rater=rater, assignment__comparison__round__project=project)
        .exclude(assignment__comparison__round__state=RoundState.ABANDONED)
        .order_by("-id")
        .select_related("assignment__comparison__prompt", "assignment__comparison__round")
    )
    if before is not None:
        newest = newest.filter(pk__lt=before)
    found = list(newest[: PAGE + 1])
    shown = found[:PAGE]
    history: dict[int, list[Judgment]] = defaultdict(list)
    replaced = Judgment.with_checks.filter(
        assignment__in=[one.assignment_id for one in shown], superseded_by__isnull=False
    )
    for judgment in replaced.order_by("-id"):
        history[judgment.assignment_id].append(judgment)
    judged = [
        Said(
            one.assignment,
            one,
            history[one.assignment_id],
            one.assignment.comparison.round.state == RoundState.COLLECTING,
        )
        for one in shown
    ]
    return Page(judged, shown[-1].pk if len(found) > PAGE else None)


def judgments_given(rater: User, project: Project) -> QuerySet[Judgment]:
    """All that a rater said in a project, corrected answers and those to checks too, which look like all others."""
    given = Judgment.with_checks.filter(assignment__rater=rater, assignment__comparison__round__project=project)
    return given.exclude(assignment__comparison__round__state=RoundState.ABANDONED)


def _has_any(rater: User, round_id: int) -> bool:
    """Whether this rater holds something of the round or could claim something."""
    mine = Assignment.objects.filter(rater=rater, comparison__round=round_id)
    if mine.filter(state=AssignmentState.HELD).exists():
        return True
    groups = Member.objects.filter(user=rater, project__rounds=round_id).values_list("groups", flat=True).first()
    taken = Assignment.objects.filter(comparison=OuterRef("pk"), rater=rater).exclude(state=AssignmentState.LAPSED)
    free = Comparison.objects.in_play().filter(
        ~Exists(taken), round=round_id, round__state=RoundState.COLLECTING, audience__in=[*(groups or []), ""],
        wanted__gt=F("held") + F("answered"),
    )  # fmt: skip
    return free.exists()
