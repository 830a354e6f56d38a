"""Comparisons are leased to raters: never to more than wanted, never twice to the same."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from annotator.domain.lifecycles import AssignmentState, RoundState
from annotator.domain.strategies import order_of
from annotator.exceptions import StateNotAllowed
from annotator.models import Assignment, Member, Project, User
from annotator.selectors.cards import texts_of
from annotator.services.flags import flags_raise
from annotator.services.renderings import renderings_ensure
from annotator.sql import rows

AHEAD = 2  # comparisons that a page holds beside the one it shows, so that the next is there before it is wanted


def assignment_claim(*, rater: User, project: Project) -> Assignment | None:
    """Lease the next comparison to this rater, or return the one they hold already; None when nothing is left."""
    return next(iter(assignments_claim(rater=rater, project=project, wanted=1)), None)


def assignments_claim(*, rater: User, project: Project, wanted: int = 1 + AHEAD) -> list[Assignment]:
    """All that this rater holds, in the order of claiming, with further leases until `wanted` are held.

    Leases begin anew. At most Comparison.wanted people hold or have answered a
    comparison, whoever claims at the same time: the row is locked, and
    `comparison_slots_within_wanted` would refuse the one too many.
    """
    held = _claimed(rater, project, wanted)
    found = {one.pk: one for one in assignments_of(rater, project).filter(pk__in=[one for one, _new in held])}
    return [found[one] for one, _new in held if one in found]


@transaction.atomic
def _claimed(rater: User, project: Project, wanted: int) -> list[tuple[int, bool]]:
    """Ids of what this rater holds, and whether each was leased just now.

    First what nobody else is looking at this instant; then wait for the rest,
    and take back what ran out, so that "nothing left" is said only when nothing is left.
    """
    member = Member.objects.filter(project=project, user=rater).only("groups").first()
    order = order_of(project.strategy)
    asked = [
        project.pk, rater.pk, wanted, project.lease_minutes, [*(member.groups if member else []), ""],
        list(order), list(order.values()), project.control_share,
    ]  # fmt: skip
    held = rows(CLAIM, [*asked, False]) or rows(CLAIM, [*asked, True])
    if not held and assignments_sweep():
        held = rows(CLAIM, [*asked, True])
    new = [one for one, is_new in held if is_new]
    if new:
        # Last and in one sorted statement, so that two claims that render the same texts cannot wait for each other.
        renderings_ensure(texts_of(new))
    return held


CLAIM = "SELECT assignment_id, is_new FROM queue_claim(%s, %s, %s, %s, %s::text[], %s::text[], %s::float8[], %s, %s)"


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
