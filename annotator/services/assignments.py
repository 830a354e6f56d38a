"""Comparisons are leased to raters: never to more than wanted, never twice to the same."""

from __future__ import annotations

import random
from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from annotator.domain.lifecycles import AssignmentState, RoundState
from annotator.domain.pairing import first_sits_left
from annotator.exceptions import StateNotAllowed
from annotator.models import Assignment, Comparison, Member, Project, User
from annotator.services.flags import flags_raise
from annotator.services.renderings import renderings_ensure

AHEAD = 2  # comparisons that a page holds beside the one it shows, so that the next is there before it is wanted
RATER_BALANCE_WINDOW = 20  # assignments over which a rater's own left/right balance is kept


def assignment_claim(*, rater: User, project: Project) -> Assignment | None:
    """Lease the next comparison to this rater, or return the one they hold already; None when nothing is left."""
    return next(iter(assignments_claim(rater=rater, project=project, wanted=1)), None)


@transaction.atomic
def assignments_claim(*, rater: User, project: Project, wanted: int = 1 + AHEAD) -> list[Assignment]:
    """All that this rater holds, in the order of claiming, with further leases until `wanted` are held.

    Every lease begins anew. At most Comparison.wanted people hold or have answered
    a comparison, whoever claims at the same time: the row is locked, and
    `comparison_slots_within_wanted` would refuse the one too many.
    """
    # The same person in two tabs: the second claim waits and then finds the first one's leases.
    Member.objects.select_for_update().filter(project=project, user=rater).first()
    until = timezone.now() + timedelta(minutes=project.lease_minutes)
    mine = assignments_of(rater, project).filter(state=AssignmentState.HELD).order_by("claimed_at", "id")
    held = list(mine)
    Assignment.objects.filter(pk__in=[one.pk for one in held]).update(leased_until=until)
    missing = wanted - len(held)
    leased: list[Comparison] = []
    while len(leased) < missing:
        # Whoever has something waits for nobody: two who hold one and wait for the other's would wait for ever.
        comparison = _free_comparison(rater, project, waits=not held and not leased)
        if comparison is None:
            break
        _lease(comparison, rater, until)
        leased.append(comparison)
    # Last and in one sorted statement, so that two claims that render the same texts cannot wait for each other.
    renderings_ensure([text for comparison in leased for text in _texts(comparison)])
    return list(mine.all()) if leased else held


def _lease(comparison: Comparison, rater: User, until: datetime) -> None:
    assignment, is_new = Assignment.objects.get_or_create(
        comparison=comparison,
        rater=rater,
        defaults={"leased_until": until, "first_on_left": _first_on_left(comparison, rater)},
    )
    if not is_new:  # it lapsed before; the sides stay as this rater saw them
        Assignment.objects.filter(pk=assignment.pk).update(
            state=AssignmentState.HELD, leased_until=until, claimed_at=timezone.now(), ended_at=None
        )


def _texts(comparison: Comparison) -> list[str]:
    """All that a page shows of it."""
    return [comparison.first.text, comparison.second.text, *(turn["content"] for turn in comparison.prompt.messages)]


def assignments_prolong(*, rater: User, project: Project) -> int:
    """The rater is still at it: begin their leases anew, and return how many they hold."""
    until = timezone.now() + timedelta(minutes=project.lease_minutes)
    return assignments_of(rater, project).filter(state=AssignmentState.HELD).update(leased_until=until)


@transaction.atomic
def assignment_skip(*, assignment: Assignment, flags: Collection[str] = ()) -> None:
    """Give a held comparison back; this rater will not see it again. Skipping twice is harmless.

    flags  what is wrong with it
    A lease that ran out meanwhile is skipped like one that is held.
    Raises InputInvalid for an unknown flag, StateNotAllowed for an answered comparison.
    """
    Assignment.objects.filter(pk=assignment.pk, state__in=[AssignmentState.HELD, AssignmentState.LAPSED]).update(
        state=AssignmentState.SKIPPED, ended_at=timezone.now()
    )
    assignment.refresh_from_db(fields=["state"])
    if assignment.state == AssignmentState.ANSWERED:
        raise StateNotAllowed(_("This comparison is answered already; undo it instead of skipping it."))
    if flags:
        flags_raise(assignment=assignment, kinds=flags)


def assignments_sweep(*, now: datetime | None = None) -> int:
    """Free the slots of leases that ran out; return how many. One statement, so two sweepers cannot collide."""
    now = now or timezone.now()
    return Assignment.objects.filter(state=AssignmentState.HELD, leased_until__lt=now).update(
        state=AssignmentState.LAPSED, ended_at=now
    )


def assignments_of(rater: User, project: Project) -> QuerySet[Assignment]:
    """A rater's assignments in the rounds of a project that were not given up, with all that a page shows."""
    return (
        Assignment.objects.filter(rater=rater, comparison__round__project=project)
        .exclude(comparison__round__state=RoundState.ABANDONED)
        .select_related("comparison__prompt", "comparison__first", "comparison__second", "comparison__round__project")
    )


def _free_comparison(rater: User, project: Project, *, waits: bool) -> Comparison | None:
    taken = Assignment.objects.filter(comparison=OuterRef("pk"), rater=rater).exclude(state=AssignmentState.LAPSED)
    free = (
        Comparison.objects.filter(
            ~Exists(taken),
            round__project=project,
            round__state=RoundState.COLLECTING,
            wanted__gt=F("held") + F("answered"),
            set_aside_at=None,
        )
        .select_related("first", "second", "prompt")
        .order_by("id")
    )
    # First what nobody else is looking at this instant; then wait for the rest,
    # so that "nothing left" is said only when nothing is left.
    comparison = free.select_for_update(of=("self",), skip_locked=True).first()
    if comparison is None and waits:
        comparison = free.select_for_update(of=("self",)).first()
    if comparison is None and waits and assignments_sweep():
        comparison = free.select_for_update(of=("self",)).first()
    return comparison


def _first_on_left(comparison: Comparison, rater: User) -> bool:
    shown = list(
        Assignment.objects.filter(
            comparison=comparison, state__in=[AssignmentState.HELD, AssignmentState.ANSWERED]
        ).values_list("first_on_left", flat=True)
    )
    recent = list(
        Assignment.objects.filter(rater=rater)
        .order_by("-id")
        .values_list("first_on_left", flat=True)[:RATER_BALANCE_WINDOW]
    )
    return first_sits_left(
        left_on_comparison=shown.count(True),
        right_on_comparison=shown.count(False),
        left_for_rater=recent.count(True),
        right_for_rater=recent.count(False),
        coin=random.random() < 0.5,
    )
