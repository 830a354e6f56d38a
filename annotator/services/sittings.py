"""Practice and exams: gold comparisons, asked one after the other."""

from __future__ import annotations

import random

from django.db import transaction
from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext as _

from annotator.domain.asking import Said
from annotator.domain.gold import GoldUse, SittingKind, is_passed, said_about
from annotator.domain.wording import Unfit
from annotator.exceptions import InputInvalid, StateNotAllowed
from annotator.models import Gold, Member, Sitting, SittingAnswer
from annotator.selectors.entrance import attempts_of, gold_for
from annotator.selectors.projects import exams_of, guideline_newest, protocol_newest
from annotator.services.judgments import MAX_SECONDS
from annotator.services.renderings import renderings_ensure


@transaction.atomic
def sitting_begin(*, member: Member, kind: str) -> Sitting:
    """Draw the questions and begin, or go on with what was begun.

    An exam asks as many questions as the project wants, first those that this
    rater has not met; practice asks all there are. Raises StateNotAllowed when
    no attempt is left, or when there is nothing to ask, or too little for an exam.
    """
    locked = Member.objects.select_for_update().select_related("project").get(pk=member.pk)  # two tabs, one exam
    project = locked.project
    is_exam = kind == SittingKind.EXAM
    running = Sitting.objects.filter(project=project, user=locked.user_id, kind=kind, ended_at=None).first()
    if running is not None and is_exam and not exams_of(project).filter(pk=running.pk).exists():
        running.delete()  # a guideline asks for the exam again: this one could only be passed in vain
        running = None
    if running is not None:
        return running
    if is_exam and not attempts_of(locked).left:
        raise StateNotAllowed(_("You have no attempt left. An owner of the project can grant you another one."))
    drawn = _drawn(locked, GoldUse(kind), project.exam_questions if is_exam else None)
    if not drawn or (is_exam and len(drawn) < project.exam_questions):
        raise StateNotAllowed(_("There is nothing to ask here yet."))
    sitting = Sitting.objects.create(
        project=project,
        user_id=locked.user_id,
        kind=kind,
        protocol=protocol_newest(project),
        guideline=guideline_newest(project),
        pass_share=project.exam_pass_share,
    )
    SittingAnswer.objects.bulk_create(
        [
            SittingAnswer(sitting=sitting, gold=gold, number=number, first_on_left=random.random() < 0.5)
            for number, gold in enumerate(drawn, 1)
        ]
    )
    renderings_ensure([text for gold in drawn for text in _texts(gold)])
    return sitting


@transaction.atomic
def sitting_answer(*, sitting: Sitting, number: int, answer: str, seconds: float = 0.0) -> SittingAnswer:
    """Answer one question, once; sending it again changes nothing. The last one ends the sitting.

    Raises InputInvalid for what the scale does not offer or a number that is not asked.
    """
    locked = Sitting.objects.select_for_update().select_related("protocol").get(pk=sitting.pk)
    asked = locked.answers.select_related("gold").filter(number=number).first()
    if asked is None:
        raise InputInvalid(_("There is no question %(number)d here.") % {"number": number})
    if asked.answered_at is not None:
        return asked
    try:
        understood = locked.asking.understood(
            Said(answer), first_on_left=asked.first_on_left, texts=(asked.left, asked.right)
        )
    except Unfit as unfit:
        raise InputInvalid.of(unfit) from unfit
    asked.answer = understood.answer.code
    asked.is_right = said_about(understood.verdict) in asked.gold.right
    asked.seconds = min(max(seconds, 0.0), MAX_SECONDS)
    asked.answered_at = timezone.now()
    asked.save(update_fields=["answer", "is_right", "seconds", "answered_at"])
    if not locked.answers.filter(answered_at=None).exists():
        _end(locked)
    return asked


def exam_allow_again(*, member: Member) -> None:
    """Grant one more attempt at the exam."""
    member.further_attempts += 1
    member.save(update_fields=["further_attempts"])


def _end(sitting: Sitting) -> None:
    sitting.ended_at = timezone.now()
    if sitting.is_exam:
        right = sitting.answers.filter(is_right=True).count()
        sitting.passed = is_passed(right, sitting.answers.count(), sitting.pass_share)
    sitting.save(update_fields=["ended_at", "passed"])


def _drawn(member: Member, use: GoldUse, wanted: int | None) -> list[Gold]:
    """By chance, and first what this rater was asked least often."""
    golds = gold_for(member.project, use)
    met = dict(
        SittingAnswer.objects.filter(sitting__user=member.user_id, gold__in=golds)
        .values_list("gold")
        .annotate(times=Count("id"))
    )
    random.shuffle(golds)
    return sorted(golds, key=lambda gold: met.get(gold.pk, 0))[:wanted]


def _texts(gold: Gold) -> list[str]:
    return [gold.first, gold.second, *(turn["content"] for turn in gold.messages)]
