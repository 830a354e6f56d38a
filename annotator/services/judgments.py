"""What people say is stored once, and never changed."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from contextlib import nullcontext

from django.db import connection, transaction
from django.utils.translation import gettext as _
from psycopg.types.json import Jsonb

from annotator.domain.asking import Said, Understood
from annotator.domain.lifecycles import AssignmentState
from annotator.domain.wording import Unfit
from annotator.exceptions import (
    AssignmentLapsed,
    InputInvalid,
    JudgmentClosed,
    RoundNotCollecting,
    StateNotAllowed,
    TiebreakError,
    violations_as_errors,
)
from annotator.models import Assignment, Judgment, Protocol
from annotator.selectors.kept import guideline_kept, protocol_kept
from annotator.services.assignments import TURN
from annotator.services.flags import flags_raise
from annotator.sql import Question, together

MAX_SECONDS = 24 * 3600.0


def judgment_submit(
    *, assignment: Assignment, said: Said, key: uuid.UUID, seconds: float = 0.0, protocol_id: int | None = None,
    guideline_id: int | None = None, flags: Collection[str] = (), along: Sequence[Question] = (),
) -> Judgment:  # fmt: skip
    """Turn a held assignment into a judgment, or correct the judgment of an answered one.

    1. The same key again returns what was stored the first time.
    2. A held lease is answered, also when the round was frozen meanwhile: work
       that was begun counts, and the next snapshot holds it.
    3. A lapsed lease is taken up again if its slot is still free.
    4. An answered one gets a judgment that supersedes, while the round collects.
    All of it is one statement, judgment_store in the database. What an
    answer means for its rater is for the clock to say: see `raters_check`.

    protocol_id, guideline_id  the versions that the rater saw; None means the newest
    flags  what is wrong with the pair, judged all the same
    along  what is asked right after it and in its transaction, for the sake of speed: should it fail, the judgment
           is stored by itself, and it is for who wants its rows to ask again

    Raises AssignmentLapsed when others took the slot, JudgmentClosed for a
    correction after the freeze, RoundNotCollecting when the round was
    abandoned, InputInvalid for what this protocol does not ask.
    """
    protocol = _protocol(assignment, protocol_id)
    understood = _understood(protocol, said, assignment)
    comparison, value = assignment.comparison, understood.verdict.value
    preferred = None
    if value:
        preferred = comparison.first_id if value < 0 else comparison.second_id
    seconds, seen = min(max(seconds, 0.0), MAX_SECONDS), _guideline_id(assignment, guideline_id)
    asked = {
        "assignment": assignment.pk, "key": key, "outcome": understood.verdict.outcome, "value": value,
        "preferred": preferred, "preset": protocol.preset, "answer": understood.answer.code, "protocol": protocol.pk,
        "criteria": Jsonb(understood.criteria), "ratings": Jsonb(understood.ratings),
        "reasons": Jsonb(understood.reasons), "rationale": understood.rationale, "edited": understood.edited,
        "seconds": seconds, "guideline": seen, "project": protocol.project_id, "rater": assignment.rater_id,
    }  # fmt: skip
    # One statement is its own transaction; inside another, a savepoint keeps a refusal from spoiling it.
    is_one = not flags and not connection.in_atomic_block
    stored = Question(STORE, asked)
    with violations_as_errors(), nullcontext() if is_one else transaction.atomic():
        if along and is_one:
            together([stored, *along])
        [(word, judgment_id, stored_at, corrected)] = stored.rows()
        if word not in ("stored", "known"):
            raise _error(word)
        if flags and word == "stored":
            flags_raise(assignment=assignment, kinds=flags)
    if word == "known":
        return Judgment.with_checks.get(pk=judgment_id)
    assignment.state = AssignmentState.ANSWERED
    return Judgment(
        pk=judgment_id, assignment=assignment, key=key, outcome=understood.verdict.outcome, value=value,
        preferred_id=preferred, protocol=protocol, preset=protocol.preset, answer=understood.answer.code,
        criteria=understood.criteria, ratings=understood.ratings, reasons=understood.reasons,
        rationale=understood.rationale, edited=understood.edited, seconds=seconds, guideline_id=seen,
        created_at=stored_at, supersedes_id=corrected,
    )  # fmt: skip


# Whatever a rater does is done in turn, and before anything is locked: two requests of one rater that hold what the
# other one waits for would wait for ever.
STORE = f"""
SELECT word, judgment_id, stored_at, corrected
  FROM (SELECT {TURN} IS NOT NULL AS is_mine) turn,
       LATERAL judgment_store(
           CASE WHEN turn.is_mine THEN %(assignment)s::bigint END, %(key)s, %(outcome)s, %(value)s, %(preferred)s,
           %(preset)s, %(answer)s, %(protocol)s, %(criteria)s, %(ratings)s, %(reasons)s, %(rationale)s, %(edited)s,
           %(seconds)s, %(guideline)s)
"""


def _error(word: str) -> TiebreakError:
    """Why nothing was stored."""
    match word:
        case "elsewhere":
            return InputInvalid(_("This answer was sent for another comparison; reload the page."))
        case "closed":
            return JudgmentClosed()
        case "abandoned":
            return RoundNotCollecting(_("This round was given up by its owner, so it takes no more judgments."))
        case "skipped":
            return StateNotAllowed(_("You skipped this comparison. Your next one is ready."))
    return AssignmentLapsed()


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
