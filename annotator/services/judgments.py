"""What people say is stored once, and never changed."""

from __future__ import annotations

import uuid
from collections.abc import Collection

from django.db import transaction
from django.utils.translation import gettext as _

from annotator.domain.asking import Said, Understood
from annotator.domain.lifecycles import AssignmentState, RoundState
from annotator.domain.wording import Unfit
from annotator.exceptions import (
    AssignmentLapsed,
    InputInvalid,
    JudgmentClosed,
    RoundNotCollecting,
    StateNotAllowed,
    violations_as_errors,
)
from annotator.models import Assignment, Judgment, Protocol
from annotator.selectors.kept import guideline_kept, protocol_kept
from annotator.services.flags import flags_raise
from annotator.sql import rows

MAX_SECONDS = 24 * 3600.0


@transaction.atomic
def judgment_submit(
    *, assignment: Assignment, said: Said, key: uuid.UUID, seconds: float = 0.0, protocol_id: int | None = None,
    guideline_id: int | None = None, flags: Collection[str] = (),
) -> Judgment:  # fmt: skip
    """Turn a held assignment into a judgment, or correct the judgment of an answered one.

    1. The same key again returns what was stored the first time.
    2. A held lease is answered, also when the round was frozen meanwhile: work
       that was begun counts, and the next snapshot holds it.
    3. A lapsed lease is taken up again if its slot is still free.
    4. An answered one gets a judgment that supersedes, while the round collects.

    protocol_id, guideline_id  the versions that the rater saw; None means the newest
    flags  what is wrong with the pair, judged all the same

    Raises AssignmentLapsed when others took the slot, JudgmentClosed for a
    correction after the freeze, RoundNotCollecting when the round was
    abandoned, InputInvalid for what this protocol does not ask.
    """
    with violations_as_errors():
        # Two deliveries of one form: the second waits here and then finds the key.
        [(state, round_state)] = rows(LOCKED, [assignment.pk])
        # Asked after the lock, not with it: a statement sees what was stored before it began to wait.
        if rows(KNOWN, [key]):
            return _the_same(Judgment.objects.get(key=key), assignment)
        protocol = _protocol(assignment, protocol_id)
        understood = _understood(protocol, said, assignment)
        previous = _previous(assignment, state, round_state)
        if previous is None:
            _take(assignment, state, round_state)
        comparison, value = assignment.comparison, understood.verdict.value
        preferred = None
        if value:
            preferred = comparison.first_id if value < 0 else comparison.second_id
        if flags:
            flags_raise(assignment=assignment, kinds=flags)
        judgment = Judgment(
            assignment=assignment,
            key=key,
            outcome=understood.verdict.outcome,
            value=value,
            preferred_id=preferred,
            protocol=protocol,
            preset=protocol.preset,
            answer=understood.answer.code,
            criteria=understood.criteria,
            ratings=understood.ratings,
            reasons=understood.reasons,
            rationale=understood.rationale,
            edited=understood.edited,
            seconds=min(max(seconds, 0.0), MAX_SECONDS),
            guideline_id=_guideline_id(assignment, guideline_id),
            supersedes=previous,
        )
        judgment.save(force_insert=True)
        return judgment


LOCKED = """
SELECT a.state, r.state
  FROM annotator_assignment a
  JOIN annotator_comparison c ON c.id = a.comparison_id JOIN annotator_round r ON r.id = c.round_id
 WHERE a.id = %s FOR UPDATE OF a
"""
KNOWN = "SELECT 1 FROM annotator_judgment WHERE key = %s"
TAKEN = "UPDATE annotator_assignment SET state = 'answered', ended_at = now() WHERE id = %s"


def _previous(assignment: Assignment, state: str, round_state: str) -> Judgment | None:
    """The judgment that a correction supersedes, None for a first answer."""
    if state != AssignmentState.ANSWERED:
        return None
    if round_state != RoundState.COLLECTING:
        raise JudgmentClosed
    return Judgment.objects.current().get(assignment=assignment)


def _take(assignment: Assignment, state: str, round_state: str) -> None:
    """Make the lease an answered assignment; the counting trigger refuses one too many."""
    if round_state == RoundState.ABANDONED:
        raise RoundNotCollecting(_("This round was given up by its owner, so it takes no more judgments."))
    if state == AssignmentState.SKIPPED:
        raise StateNotAllowed(_("You skipped this comparison. Your next one is ready."))
    if state == AssignmentState.LAPSED and round_state != RoundState.COLLECTING:
        raise AssignmentLapsed
    rows(TAKEN, [assignment.pk])
    assignment.state = AssignmentState.ANSWERED


def _the_same(known: Judgment, assignment: Assignment) -> Judgment:
    if known.assignment_id != assignment.pk:
        raise InputInvalid(_("This answer was sent for another comparison; reload the page."))
    return known


def _protocol(assignment: Assignment, protocol_id: int | None) -> Protocol:
    project = assignment.comparison.round.project
    found = project.protocols.first() if protocol_id is None else protocol_kept(protocol_id)
    if found is None or found.project_id != project.pk:
        raise InputInvalid(_("This page belongs to another project; reload it."))
    return found


def _guideline_id(assignment: Assignment, guideline_id: int | None) -> int | None:
    project = assignment.comparison.round.project
    found = guideline_kept(guideline_id) if guideline_id else project.guidelines.first()
    return found.pk if found and found.project_id == project.pk else None


def _understood(protocol: Protocol, said: Said, assignment: Assignment) -> Understood:
    texts = (assignment.left.text, assignment.right.text) if any(said.edits) else ("", "")
    try:
        return protocol.asking.understood(said, first_on_left=assignment.first_on_left, texts=texts)
    except Unfit as unfit:
        raise InputInvalid.of(unfit) from unfit
