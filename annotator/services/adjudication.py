"""Somebody decides what raters left open: blind first, and append-only like what raters say."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from annotator.domain.adjudication import first_on_left
from annotator.domain.asking import Asking, Said
from annotator.domain.gold import is_overruled
from annotator.domain.lifecycles import AssignmentState
from annotator.domain.wording import Unfit
from annotator.exceptions import InputInvalid, StateNotAllowed, violations_as_errors
from annotator.models import Adjudication, Assignment, Comparison, User
from annotator.selectors.projects import protocol_newest
from annotator.services.gold import gold_retire

LONGEST_NOTE = 4_000  # characters


@transaction.atomic
def comparison_adjudicate(*, comparison: Comparison, by: User, answer: str) -> Adjudication:
    """Decide a comparison, or decide it anew.

    The first decision is blind: its author has seen no vote. Any later one
    supersedes, and is not, and neither is one by whoever wrote down the gold
    that it is about. In snapshots the newest stands above the votes. Gold that
    says otherwise is asked no more, and answers to it count for nobody.

    Raises InputInvalid for what the scale does not offer, StateNotAllowed for
    who judged it as a rater, Conflict when somebody else decided at the same time.
    """
    gold = comparison.gold
    same = Q(comparison=comparison) if gold is None else Q(comparison__gold=gold)
    if Assignment.objects.filter(same, rater=by, state=AssignmentState.ANSWERED).exists():
        raise StateNotAllowed(_("You judged this comparison yourself, so somebody else has to decide it."))
    protocol = protocol_newest(comparison.round.project)
    on_left = first_on_left(comparison.pk, by.pk)
    try:
        understood = Asking(protocol.asking.preset).understood(Said(answer), first_on_left=on_left, texts=("", ""))
    except Unfit as unfit:
        raise InputInvalid.of(unfit) from unfit
    value = understood.verdict.value
    before = comparison.adjudications.current().first()
    with violations_as_errors(), transaction.atomic():
        decided = Adjudication.objects.create(
            comparison=comparison,
            by=by,
            is_blind=before is None and not (gold and gold.created_by_id == by.pk),
            first_on_left=on_left,
            outcome=understood.verdict.outcome,
            value=value,
            preferred_id=(comparison.first_id if value < 0 else comparison.second_id) if value else None,
            answer=understood.answer.code,
            protocol=protocol,
            supersedes=before,
        )
    if gold is not None and is_overruled(gold.right, decided.verdict):
        gold_retire(gold=gold)
    return decided


@transaction.atomic
def adjudication_note(*, comparison: Comparison, by: User, note: str) -> Adjudication:
    """Write down why, as a row that repeats the decision; the same note again changes nothing.

    Raises StateNotAllowed where there is no decision of this person, InputInvalid for a note that is too long.
    """
    if len(note) > LONGEST_NOTE:
        raise InputInvalid(_("A note has at most %(most)d characters.") % {"most": LONGEST_NOTE})
    current = comparison.adjudications.current().first()
    if current is None or current.by_id != by.pk:
        raise StateNotAllowed(_("Only who decided a comparison writes its note. You may decide it anew."))
    if current.note == note.strip():
        return current
    with violations_as_errors(), transaction.atomic():
        return Adjudication.objects.create(
            comparison=comparison,
            by=by,
            is_blind=current.is_blind,
            first_on_left=current.first_on_left,
            outcome=current.outcome,
            value=current.value,
            preferred_id=current.preferred_id,
            answer=current.answer,
            protocol_id=current.protocol_id,
            note=note.strip(),
            supersedes=current,
        )
