"""Raters whom the checks find wanting are paused, and let go on or excluded by an owner. Nothing is ever deleted."""

from __future__ import annotations

import logging
from typing import Any

from django.db import DatabaseError, transaction
from django.utils import timezone

from annotator.domain.checks import CheckRules, Measure, is_jump
from annotator.domain.wording import Unfit
from annotator.exceptions import InputInvalid
from annotator.models import Assignment, Member, Project, Role
from annotator.selectors.checks import checked_of, pausing_of
from annotator.services.assignments import assignments_release
from annotator.services.events import rater_paused
from annotator.services.gold import gold_stage

log = logging.getLogger(__name__)


def check_rules_set(*, project: Project, rules: dict[str, Any]) -> Project:
    """Check raters in this way from the next pair on. Raises InputInvalid for rules that do not fit."""
    try:
        CheckRules.of(rules)
    except Unfit as unfit:
        raise InputInvalid.of(unfit) from unfit
    project.checks = rules
    project.save(update_fields=["checks"])
    gold_stage(project=project)
    return project


def rater_check(*, assignment: Assignment, seconds: float) -> None:
    """After an answer: pause its rater if a measure has fallen below its threshold.

    Looks only when the answer was to a hidden check, or came too fast. A rater is
    paused when the whole interval of a measure lies on the wrong side. When too
    many are paused within a day, pausing stops until an owner looks: then the
    check is probably wrong. Whatever fails here is logged, and the answer stays.
    """
    project = assignment.comparison.round.project
    try:
        rules = CheckRules.of(project.checks)
        if assignment.check_kind or 0 < seconds < rules.min_seconds:
            with transaction.atomic():
                is_paused = _pause_if_failed(project, assignment.rater_id, rules)
            if is_paused:
                assignments_release(rater=assignment.rater, project=project)
    except (DatabaseError, Unfit):
        log.exception("The checks of rater %s in project %s failed.", assignment.rater_id, project.pk)


def _pause_if_failed(project: Project, rater_id: int, rules: CheckRules) -> bool:
    if all(threshold.bound is None for threshold in rules.thresholds.values()):
        return False
    member = project.members.filter(user=rater_id, role=Role.RATER, paused_at=None, excluded_at=None).first()
    if member is None:
        return False
    reason = _failed(project, rules, member)
    if reason is None:
        return False
    # Two raters in the same moment: the second waits here, and then counts the first.
    locked = Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    if locked.pausing_stopped_at is not None:
        return False
    # Two tabs of one rater: the second finds them paused.
    still = Member.objects.filter(pk=member.pk, paused_at=None)
    is_paused = still.update(paused_at=timezone.now(), paused_reason=reason) == 1
    if is_paused:
        member.project = locked
        rater_paused(member, reason["measure"])
    pausing = pausing_of(locked)
    if is_jump(pausing.paused, pausing.active):
        locked.pausing_stopped_at = timezone.now()
        locked.save(update_fields=["pausing_stopped_at"])
    return is_paused


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
