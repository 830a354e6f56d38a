"""What people say is stored once, and never changed."""

from __future__ import annotations

import uuid

from django.db import transaction
from django.utils import timezone

from annotator.domain.lifecycles import AssignmentState, RoundState
from annotator.domain.verdicts import PRESETS, Answer, verdict_of
from annotator.exceptions import (
    AssignmentLapsed,
    InputInvalid,
    JudgmentClosed,
    RoundNotCollecting,
    StateNotAllowed,
    violations_as_errors,
)
from annotator.models import Assignment, Judgment, Project

MAX_SECONDS = 24 * 3600.0


@transaction.atomic
def judgment_submit(
    *, assignment: Assignment, answer: str, key: uuid.UUID, seconds: float = 0.0, rationale: str = ""
) -> Judgment:
    """Turn a held assignment into a judgment, or correct the judgment of an answered one.

    1. The same key again returns what was stored the first time.
    2. A held lease is answered, also when the round was frozen meanwhile: work
       that was begun counts, and the next snapshot holds it.
    3. A lapsed lease is taken up again if its slot is still free.
    4. An answered one gets a judgment that supersedes, while the round collects.

    Raises AssignmentLapsed when others took the slot, JudgmentClosed for a
    correction after the freeze, RoundNotCollecting when the round was
    abandoned, InputInvalid for an answer that this protocol does not offer.
    """
    comparison = assignment.comparison
    project = comparison.round.project
    with violations_as_errors():
        # Two deliveries of one form: the second waits here and then finds the key.
        locked = Assignment.objects.select_for_update().get(pk=assignment.pk)
        if (known := Judgment.objects.filter(key=key).first()) is not None:
            return _the_same(known, assignment)
        chosen = _answer(project, answer)
        round_state = type(comparison.round).objects.values_list("state", flat=True).get(pk=comparison.round_id)
        previous = _previous(locked, round_state)
        if previous is None:
            _take(locked, round_state)
        verdict = verdict_of(chosen, first_on_left=locked.first_on_left)
        preferred = None
        if verdict.value:
            preferred = comparison.first_id if verdict.value < 0 else comparison.second_id
        return Judgment.objects.create(
            assignment=locked,
            key=key,
            outcome=verdict.outcome,
            value=verdict.value,
            preferred_id=preferred,
            preset=project.preset,
            answer=chosen.code,
            rationale=rationale,
            seconds=min(max(seconds, 0.0), MAX_SECONDS),
            guideline=project.guidelines.first(),
            supersedes=previous,
        )


def _previous(assignment: Assignment, round_state: str) -> Judgment | None:
    """The judgment that a correction supersedes, None for a first answer."""
    if assignment.state != AssignmentState.ANSWERED:
        return None
    if round_state != RoundState.COLLECTING:
        raise JudgmentClosed
    return Judgment.objects.current().get(assignment=assignment)


def _take(assignment: Assignment, round_state: str) -> None:
    """Make the lease an answered assignment; the counting trigger refuses one too many."""
    if round_state == RoundState.ABANDONED:
        raise RoundNotCollecting("This round was given up by its owner, so it takes no more judgments.")
    if assignment.state == AssignmentState.SKIPPED:
        raise StateNotAllowed("You skipped this comparison. Your next one is ready.")
    if assignment.state == AssignmentState.LAPSED and round_state != RoundState.COLLECTING:
        raise AssignmentLapsed
    Assignment.objects.filter(pk=assignment.pk).update(state=AssignmentState.ANSWERED, ended_at=timezone.now())


def _the_same(known: Judgment, assignment: Assignment) -> Judgment:
    if known.assignment_id != assignment.pk:
        raise InputInvalid("This answer was sent for another comparison; reload the page.")
    return known


def _answer(project: Project, code: str) -> Answer:
    try:
        return PRESETS[project.preset].answer(code)
    except KeyError:
        raise InputInvalid(f"“{code[:40]}” is not one of the answers; choose a button.") from None
