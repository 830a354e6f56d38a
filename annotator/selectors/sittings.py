"""How a rater's practice and exams went."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from annotator.domain.gold import Right, rights_as_shown
from annotator.models import Member, Sitting, SittingAnswer


@dataclass(frozen=True)
class Result:
    """A sitting that is over; `right` of `asked` answers were right."""

    sitting: Sitting
    right: int
    asked: int
    answers: list[SittingAnswer]


def sittings_of(member: Member, kind: str) -> QuerySet[Sitting]:
    """This member's sittings, newest first, each with how many questions it asked and how many were right."""
    return (
        Sitting.objects.filter(project=member.project_id, user=member.user_id, kind=kind)
        .annotate(asked=Count("answers"), right=Count("answers", filter=Q(answers__is_right=True)))
        .order_by("-pk")
    )


def question_open(sitting: Sitting) -> SittingAnswer | None:
    """The next question that waits for an answer."""
    return sitting.answers.select_related("gold").filter(answered_at=None).first()


def sitting_result(sitting: Sitting) -> Result:
    answers = list(sitting.answers.select_related("gold", "sitting__protocol"))
    return Result(sitting, sum(bool(one.is_right) for one in answers), len(answers), answers)


def rights_shown(answer: SittingAnswer) -> list[Right]:
    """What is right, in terms of the sides as this rater saw them: first is left."""
    return rights_as_shown(answer.gold.right, first_on_left=answer.first_on_left)
