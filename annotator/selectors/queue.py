"""What a rater has done and what is left for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from django.db.models import Count, Exists, F, OuterRef, Q, Sum

from annotator.domain.lifecycles import AssignmentState, RoundState
from annotator.models import Assignment, Comparison, Project, Round, User


@dataclass(frozen=True)
class Progress:
    """The line above the pair.

    state  ready      there is a comparison for this rater
           preparing  none now, but the round is being written or learnt from
           done       this rater has judged or skipped all that is open to them
    """

    answered_by_me: int
    answered: int
    wanted: int
    state: Literal["ready", "preparing", "done"]


def progress_for_rater(rater: User, project: Project) -> Progress:
    """How far this rater and everybody together are in the newest round."""
    newest = Round.objects.filter(project=project).exclude(state=RoundState.ABANDONED).order_by("-number").first()
    totals = Comparison.objects.filter(round=newest).aggregate(answered=Sum("answered"), wanted=Sum("wanted"))
    mine = Assignment.objects.filter(rater=rater, comparison__round=newest).aggregate(
        answered=Count("id", filter=Q(state=AssignmentState.ANSWERED)),
        held=Count("id", filter=Q(state=AssignmentState.HELD)),
    )
    state: Literal["ready", "preparing", "done"] = "done"
    if newest is not None and newest.is_moving:
        state = "preparing"
    elif mine["held"] or _has_free(rater, newest):
        state = "ready"
    return Progress(mine["answered"], totals["answered"] or 0, totals["wanted"] or 0, state)


def last_answered(rater: User, project: Project) -> Assignment | None:
    """The assignment that *undo* goes back to: the newest answer that can still be corrected."""
    return (
        Assignment.objects.filter(
            rater=rater,
            state=AssignmentState.ANSWERED,
            comparison__round__project=project,
            comparison__round__state=RoundState.COLLECTING,
        )
        .select_related("comparison__prompt", "comparison__first", "comparison__second", "comparison__round__project")
        .order_by("-ended_at", "-id")
        .first()
    )


def _has_free(rater: User, newest: Round | None) -> bool:
    taken = Assignment.objects.filter(comparison=OuterRef("pk"), rater=rater).exclude(state=AssignmentState.LAPSED)
    return Comparison.objects.filter(
        ~Exists(taken), round=newest, round__state=RoundState.COLLECTING, wanted__gt=F("held") + F("answered")
    ).exists()
