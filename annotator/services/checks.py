"""Raters whom the checks find wanting are paused, and let go on or excluded by an owner. Nothing is ever deleted."""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, transaction
from django.db.models import Max, Q
from django.utils import timezone

from annotator.domain.checks import CheckRules, Measure, is_jump
from annotator.domain.wording import Unfit
from annotator.exceptions import InputInvalid
from annotator.models import Judgment, Member, Project, Role
from annotator.selectors.checks import checked_of, pausing_of, rules_of
from annotator.services.assignments import assignments_release
from annotator.services.events import rater_paused
from annotator.services.gold import gold_stage

log = logging.getLogger(__name__)


def check_rules_set(*, project: Project, rules: dict[str, Any]) -> Project:
    """Check raters in this way from the next pair on. Raises InputInvalid for rules that do not fit."""
    try:
        pauses = CheckRules.of(rules).pauses
    except Unfit as unfit:
        raise InputInvalid.of(unfit) from unfit
    if pauses and not rules_of(project).pauses:  # who answered before is looked at when they answer again
        project.checks_seen = Judgment.with_checks.aggregate(newest=Max("pk"))["newest"] or 0
    project.checks = rules
    project.save(update_fields=["checks", "checks_seen"])
    gold_stage(project=project)
    return project


def raters_check(*, now: datetime | None = None, seconds: float = 20.0) -> int:
    """Pause raters of whom a measure fell below its threshold; return how many.

    By the clock and not when an answer is stored: sending the answer to a check does the same work as sending any
    other, so its time tells nobody which it was. Looks at raters whose answers since the last look were to hidden
    checks, or came too fast; each is paused when the whole interval of a measure lies on the wrong side. When too many
    are paused within a day, pausing stops until an owner looks: then the check is probably wrong. Whatever fails is
    logged and stops nobody's work. After so many seconds the next tick goes on.
    """
    began, now = time.monotonic(), now or timezone.now()
    newest = Judgment.with_checks.filter(created_at__lt=now - SETTLED).order_by("-pk").values_list("pk", flat=True)
    upto, paused = newest.first() or 0, 0
    for project in Project.objects.exclude(checks={}).filter(checks_seen__lt=upto):
        rules = rules_of(project)
        low = project.checks_seen
        while low < upto and time.monotonic() - began < seconds:
            high = min(low + STEP, upto)
            if rules.pauses:
                paused += sum(
                    _rater_check(project, rules, rater) for rater in _raters_to_check(project, rules, low, high)
                )
            Project.objects.filter(pk=project.pk, checks_seen=low).update(checks_seen=high)
            low = high
    return paused


# A judgment may be stored after one with a later id. One that took longer is passed over: it is counted like all others
# the next time that its rater answers a check.
SETTLED = timedelta(seconds=2)
STEP = 20_000  # judgments of all projects between two notes of how far one got


def _raters_to_check(project: Project, rules: CheckRules, low: int, high: int) -> list[int]:
    answers = Judgment.with_checks.filter(
        Q(is_check=True) | Q(seconds__gt=0, seconds__lt=rules.min_seconds),
        pk__gt=low, pk__lte=high, assignment__comparison__round__project=project,
    )  # fmt: skip
    return list(answers.order_by().values_list("assignment__rater_id", flat=True).distinct())


def _rater_check(project: Project, rules: CheckRules, rater_id: int) -> bool:
    try:
        with transaction.atomic():
            paused = _pause_if_failed(project, rater_id, rules)
        if paused is not None:
            assignments_release(rater=paused.user, project=project)
    except DatabaseError:
        log.exception("The checks of rater %s in project %s failed.", rater_id, project.pk)
        return False
    return paused is not None


def _pause_if_failed(project: Project, rater_id: int, rules: CheckRules) -> Member | None:
    """The member who is paused by this."""
    raters = project.members.filter(user=rater_id, role=Role.RATER, paused_at=None, excluded_at=None)
    member = raters.select_related("user").first()
    if member is None:
        return None
    reason = _failed(project, rules, member)
    if reason is None:
        return None
    # Two raters in the same moment: the second waits here, and then counts the first.
    locked = Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    if locked.pausing_stopped_at is not None:
        return None
    # Two workers at one rater: the second finds them paused.
    still = Member.objects.filter(pk=member.pk, paused_at=None)
    is_paused = still.update(paused_at=timezone.now(), paused_reason=reason) == 1
    if is_paused:
        member.project = locked
        rater_paused(member, reason["measure"])
    pausing = pausing_of(locked)
    if is_jump(pausing.paused, pausing.active):
        locked.pausing_stopped_at = timezone.now()
        locked.save(update_fields=["pausing_stopped_at"])
    return member if is_paused else None


def _failed(project: Project, rules: CheckRules, member: Member) -> dict[str, Any] | None:
    """What fell below its threshold, in the numbers of this moment."""
    checked = checked_of(project, rules, member)[member.pk]
    for measure in Measure:
        found = checked.measured(measure)
        if rules.is_failed(measure, low=found.low, high=found.high, n=found.n):
            bound = rules.thresholds[measure].bound
            return {
                "measure": measure.value, "value": found.value, "low": found.low, "high": found.high, "n": found.n,
                "bound": bound, "min_seconds": rules.min_seconds,
            }  # fmt: skip
    return None


def member_resume(*, member: Member) -> None:
    """Let a paused rater go on. Their checks are counted anew from now."""
    Member.objects.filter(pk=member.pk).exclude(paused_at=None).update(
        paused_at=None, paused_reason={}, resumed_at=timezone.now()
    )


def member_exclude(*, member: Member) -> None:
    """Give this person no more pairs, and learn nothing from their judgments, which stay where they are."""
    Member.objects.filter(pk=member.pk, excluded_at=None).update(excluded_at=timezone.now())
    assignments_release(rater=member.user, project=member.project)


def member_include(*, member: Member) -> None:
    """Learn from this person's judgments again, and let them judge, unless they are paused too."""
    Member.objects.filter(pk=member.pk).update(excluded_at=None)


def pausing_go_on(*, project: Project) -> None:
    """An owner has looked: pause raters again. Who is paused stays so; only later pauses count for the next stop."""
    project.pausing_stopped_at, project.pausing_looked_at = None, timezone.now()
    project.save(update_fields=["pausing_stopped_at", "pausing_looked_at"])
