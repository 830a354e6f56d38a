"""Comparisons are leased to raters: never to more than wanted, never twice to the same."""

from __future__ import annotations

import logging
from collections.abc import Collection, Container, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from annotator.domain.checks import CheckKind, CheckRules
from annotator.domain.lifecycles import AssignmentState, RoundState
from annotator.domain.strategies import order_of
from annotator.domain.wording import Unfit
from annotator.exceptions import StateNotAllowed
from annotator.models import Assignment, Comparison, Member, Project, User
from annotator.rendering import VERSION
from annotator.selectors.faces import Face, face_from, faces_of
from annotator.services.flags import flags_raise
from annotator.services.renderings import renderings_ensure
from annotator.sql import Question, rows

log = logging.getLogger(__name__)

# The requests of one rater in one project go one after the other; it lasts until the transaction ends.
TURN = "pg_advisory_xact_lock((%(project)s::bigint << 32) + %(rater)s)"

APART = 10  # own judgments between a pair and its repeat, so that the answer is given again and not remembered
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
    held = held_claim(rater=rater, project=project, wanted=wanted)
    found = {one.pk: one for one in assignments_of(rater, project).filter(pk__in=held)}
    renderings_ensure([text for one in found.values() for text in _texts(one.comparison)])
    return [found[one] for one in held if one in found]


def _texts(comparison: Comparison) -> list[str]:
    """All that a page shows of it."""
    return [comparison.first.text, comparison.second.text, *(turn["content"] for turn in comparison.prompt.messages)]


def faces_asked(*, rater: User, project: Project, groups: Sequence[str]) -> Question:
    """What `faces_claim` begins with, to go along with a judgment: before it is known whether the rater may go on.

    Nothing new for whoever has a guideline to read first, or was paused.
    """
    return _claim_asked(CLAIM_AFTER_READING, rater, project, 1 + AHEAD, groups, version=VERSION)


def faces_claim(
    *, rater: User, project: Project, known: Container[int], groups: Sequence[str], most: int | None = None,
    asked: Question | None = None,
) -> tuple[list[int], list[Face]]:  # fmt: skip
    """As `assignments_claim`: ids of what this rater holds, and what a page shows of those that it does not know.

    most   leases that this rater may hold, where that is fewer than a page takes
    asked  `faces_asked`, where it went along with something else
    """
    wanted = 1 + AHEAD if most is None else min(most, 1 + AHEAD)
    claimed = _claim(asked or _claim_asked(CLAIM_WITH_FACES, rater, project, wanted, groups, version=VERSION))
    held = [pk for pk, *_face in claimed]
    faces = [
        face
        for pk, *its_face in claimed
        if pk not in known
        for face in ([face_from(its_face)] if its_face[0] else faces_of([pk]))
    ]
    if unrendered := [text for face in faces for text in face.unrendered]:
        renderings_ensure(unrendered)
    return held, faces


def held_claim(*, rater: User, project: Project, wanted: int = 1 + AHEAD) -> list[int]:
    """Ids of what this rater holds after claiming."""
    member = Member.objects.filter(project=project, user=rater).only("groups").first()
    return [pk for (pk,) in _claim(_claim_asked(CLAIM, rater, project, wanted, member.groups if member else []))]


def _claim_asked(
    statement: str, rater: User, project: Project, wanted: int, groups: Sequence[str], **further: Any
) -> Question:
    """The first look: at what nobody else is looking at this instant."""
    order = order_of(project.strategy)
    asked = {
        "project": project.pk, "rater": rater.pk, "wanted": wanted, "minutes": project.lease_minutes,
        "audiences": [*groups, ""] if groups else '{""}', "orders": _array(order), "shares": _array(order.values()),
        "control": project.control_share, "checks": _array(_checked(project)), "apart": APART, "waits": False,
    }  # fmt: skip
    return Question(statement, asked | further)


def _claim(asked: Question) -> list[Sequence[Any]]:
    """What a claim returns for each that its rater holds then: its id, and what its statement adds.

    First what nobody else is looking at this instant; then wait for the rest,
    and take back what ran out, so that "nothing left" is said only when nothing is left.
    """
    waiting = Question(asked.statement, {**asked.parameters, "waits": True})
    held = asked.rows() or waiting.rows()
    if not held and assignments_sweep():
        held = waiting.rows()
    if faults := {fault for fault, *_one in held if fault}:
        place = [asked.parameters[name] for name in ("rater", "project")]
        log.error("No check was chosen for rater %s of project %s: %s", *place, "; ".join(faults))
    return [one for _fault, *one in held]


CLAIM = """
SELECT q.fault, q.assignment_id
  FROM queue_claim(%(project)s, %(rater)s, %(wanted)s, %(minutes)s, %(audiences)s::text[], %(orders)s::text[],
                   %(shares)s::float8[], %(control)s, %(checks)s::float8[], %(apart)s, %(waits)s) q
"""
CLAIM_WITH_FACES = f"""{CLAIM.replace("q.assignment_id", "q.assignment_id, f.*")}
  LEFT JOIN LATERAL card_face(CASE WHEN q.is_new THEN q.assignment_id END, %(version)s) f ON true
"""
CLAIM_AFTER_READING = CLAIM_WITH_FACES.replace(
    "%(wanted)s",
    """
           CASE WHEN (SELECT coalesce(max(version), 0) FROM annotator_guideline
                       WHERE project_id = %(project)s AND must_read)
                   > (SELECT coalesce(max(g.version), 0)
                        FROM annotator_guideline g JOIN annotator_acknowledgement a ON a.guideline_id = g.id
                       WHERE g.project_id = %(project)s AND a.user_id = %(rater)s)
                THEN 0 ELSE %(wanted)s END""",
)


def _array(values: Iterable[str | float]) -> str:
    """Names of ours and numbers as Postgres writes an array: the driver looks long at a list before it does."""
    return "{" + ",".join(map(str, values)) + "}"


def _checked(project: Project) -> list[float]:
    """The shares of hidden checks. Rules that do not fit check nobody, and stop nobody's work."""
    try:
        return CheckRules.of(project.checks).shares
    except Unfit:
        log.exception("The rules for checks of project %s do not fit.", project.pk)
        return [0.0] * len(CheckKind)


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
    project = assignment.comparison.round.project_id
    rows(f"SELECT {TURN}", {"project": project, "rater": assignment.rater_id})
    Assignment.objects.filter(pk=assignment.pk, state__in=[AssignmentState.HELD, AssignmentState.LAPSED]).update(
        state=AssignmentState.SKIPPED, ended_at=timezone.now()
    )
    assignment.refresh_from_db(fields=["state"])
    if assignment.state == AssignmentState.ANSWERED:
        raise StateNotAllowed(_("This comparison is answered already; undo it instead of skipping it."))
    if flags:
        flags_raise(assignment=assignment, kinds=flags)


def assignment_release(*, assignment: Assignment) -> None:
    """Free the slot of somebody who holds it and does not come back. Raises StateNotAllowed unless it is held.

    It is as if the lease had run out: an answer that still comes takes the slot up again if it is free.
    """
    is_freed = Assignment.objects.filter(pk=assignment.pk, state=AssignmentState.HELD).update(
        state=AssignmentState.LAPSED, ended_at=timezone.now()
    )
    if not is_freed:
        raise StateNotAllowed(_("Nobody holds this comparison any more."))


def assignments_sweep(*, now: datetime | None = None) -> int:
    """Free the slots of leases that ran out; return how many. One statement, so two sweepers cannot collide."""
    now = now or timezone.now()
    return Assignment.objects.filter(state=AssignmentState.HELD, leased_until__lt=now).update(
        state=AssignmentState.LAPSED, ended_at=now
    )


def assignments_release(*, rater: User, project: Project) -> int:
    """Take back what this rater holds, for others to claim, and return how many leases of work that were.

    An answer that comes nevertheless is treated like one after a lease that ran out.
    One statement for each, so that nobody who holds one comparison waits for another.
    """
    # A claim of theirs that is under way ends first, so that what it leased is given back too.
    rows(f"SELECT {TURN}", {"project": project.pk, "rater": rater.pk})
    freed = 0
    for pk, kind in assignments_of(rater, project).filter(state=AssignmentState.HELD).values_list("pk", "check_kind"):
        is_freed = Assignment.objects.filter(pk=pk, state=AssignmentState.HELD).update(
            state=AssignmentState.LAPSED, ended_at=timezone.now()
        )
        freed += is_freed and not kind
    return freed


def assignments_of(rater: User, project: Project) -> QuerySet[Assignment]:
    """A rater's assignments in the rounds of a project that were not given up, with all that a page shows."""
    return (
        Assignment.objects.filter(rater=rater, comparison__round__project=project)
        .exclude(comparison__round__state=RoundState.ABANDONED)
        .select_related("comparison__prompt", "comparison__first", "comparison__second", "comparison__round__project")
    )
