"""Practice and exam, as a rater takes them."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotator import access
from annotator.api.fields import NumberField
from annotator.api.judging import ChoiceOutput, answers_of
from annotator.api.operation import Operation, fitting, person
from annotator.api.prompts import TurnSerializer
from annotator.domain.gold import SittingKind
from annotator.domain.scopes import Scope
from annotator.models import Sitting, SittingAnswer
from annotator.selectors.sittings import question_open, rights_shown
from annotator.services.sittings import sitting_answer, sitting_begin

SIDES = {"first": "a", "second": "b"}


class QuestionOutput(serializers.Serializer[SittingAnswer]):
    number = serializers.IntegerField()
    messages = TurnSerializer(many=True, source="gold.messages")
    left = serializers.CharField()
    right = serializers.CharField()


class SittingOutput(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=[kind.value for kind in SittingKind])
    asked = serializers.IntegerField(help_text="Questions.")
    answered = serializers.IntegerField()
    got_right = serializers.IntegerField(allow_null=True, help_text="null until it is over.")
    passed = serializers.BooleanField(allow_null=True, help_text="null until an exam is over, and for practice.")
    question = serializers.CharField(help_text="What is asked about each pair.")
    answers = ChoiceOutput(many=True)
    open = QuestionOutput(allow_null=True, help_text="The question that waits for an answer.")
    started_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class AnsweredOutput(serializers.Serializer[SittingAnswer]):
    number = serializers.IntegerField()
    answer = serializers.CharField()
    is_right = serializers.BooleanField(allow_null=True, help_text="null in an exam, which tells at its end.")
    right = serializers.ListField(child=serializers.CharField(), help_text="About A, the left one, and B: a, b, tie …")
    explanation = serializers.CharField(allow_blank=True)


class PracticeApi(Operation):
    """Begin to practise, or go on: gold whose answer is explained at once."""

    writes = Scope.JUDGE

    @extend_schema(request=None, responses=SittingOutput)
    def post(self, request: Request, slug: str) -> Response:
        member = access.member(person(request), slug)
        return Response(_told(sitting_begin(member=member, kind=SittingKind.PRACTICE)))


class ExamApi(Operation):
    """Begin an attempt at the exam, or go on with it."""

    writes = Scope.JUDGE

    @extend_schema(request=None, responses=SittingOutput)
    def post(self, request: Request, slug: str) -> Response:
        member = access.member(person(request), slug)
        return Response(_told(sitting_begin(member=member, kind=SittingKind.EXAM)))


class SittingApi(Operation):
    """One of your own sittings, with the question that is open."""

    reads = Scope.JUDGE

    @extend_schema(responses=SittingOutput)
    def get(self, request: Request, slug: str, sitting_id: int) -> Response:
        return Response(_told(access.sitting_of(access.member(person(request), slug), sitting_id)))


class SittingAnswerApi(Operation):
    """Answer a question, once; in practice you hear what is right, and why."""

    writes = Scope.JUDGE

    class InputSerializer(serializers.Serializer[Any]):
        number = serializers.IntegerField(min_value=1, max_value=10_000)
        answer = serializers.CharField(max_length=40)
        seconds = NumberField(required=False, default=0.0, min_value=0, max_value=86_400)

    @extend_schema(request=InputSerializer, responses=AnsweredOutput)
    def post(self, request: Request, slug: str, sitting_id: int) -> Response:
        sitting = access.sitting_of(access.member(person(request), slug), sitting_id)
        answered = sitting_answer(sitting=sitting, **fitting(self.InputSerializer, request))
        found = {
            "number": answered.number,
            "answer": answered.answer,
            "is_right": None if sitting.is_exam else answered.is_right,
            "right": [] if sitting.is_exam else [SIDES.get(kind, kind) for kind in rights_shown(answered)],
            "explanation": "" if sitting.is_exam else answered.explained,
        }
        return Response(AnsweredOutput(found).data)


def _told(sitting: Sitting) -> dict[str, Any]:
    answers = list(sitting.answers.all())
    preset = sitting.asking.preset
    found = {
        **{name: getattr(sitting, name) for name in ("id", "kind", "passed", "started_at", "ended_at")},
        "asked": len(answers),
        "answered": sum(one.answered_at is not None for one in answers),
        "got_right": sum(bool(one.is_right) for one in answers) if sitting.ended_at else None,
        "question": _(preset.question),
        "answers": answers_of(preset),
        "open": question_open(sitting),
    }
    said: dict[str, Any] = SittingOutput(found).data
    return said
