"""Comparisons whose answer is known: examples, practice, exam and hidden checks."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotator import access
from annotator.api.operation import Operation, asked, fitting, person
from annotator.api.pages import PAGING, page_of, paged
from annotator.api.prompts import TurnSerializer
from annotator.domain.gold import GoldUse, Right
from annotator.models import Gold
from annotator.selectors.gold import gold_found
from annotator.services.gold import gold_add, gold_retire

LONGEST_ANSWER = 100_000
USES, RIGHTS = [use.value for use in GoldUse], [kind.value for kind in Right]
EXAMPLE = {
    "use": "practice",
    "messages": [{"role": "user", "content": "May I return this cup?"}],
    "first": "Gladly, within 30 days.",
    "second": "Never.",
    "right": ["first"],
    "explanation": "{A} is the kinder answer.",
}


class GoldOutput(serializers.Serializer[Gold]):
    id = serializers.IntegerField()
    use = serializers.ChoiceField(choices=USES)
    messages = TurnSerializer(many=True)
    first = serializers.CharField()
    second = serializers.CharField()
    right = serializers.ListField(child=serializers.ChoiceField(choices=RIGHTS))
    explanation = serializers.CharField(allow_blank=True)
    answered = serializers.IntegerField(help_text="Answers in practice and exams.")
    answered_right = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    retired_at = serializers.DateTimeField(allow_null=True, help_text="Since when it is asked no more.")


class GoldListApi(Operation):
    """All gold, newest first, retired ones too."""

    class FilterSerializer(serializers.Serializer[Any]):
        use = serializers.ChoiceField(choices=USES, required=False)
        is_retired = serializers.BooleanField(required=False, allow_null=True, default=None)

    @extend_schema_serializer(examples=[OpenApiExample("For practice", EXAMPLE)])
    class InputSerializer(serializers.Serializer[Any]):
        use = serializers.ChoiceField(choices=USES)
        messages = TurnSerializer(many=True, allow_empty=False, max_length=100)
        first = serializers.CharField(max_length=LONGEST_ANSWER)
        second = serializers.CharField(max_length=LONGEST_ANSWER)
        right = serializers.ListField(
            child=serializers.ChoiceField(choices=RIGHTS), allow_empty=False, max_length=6,
            help_text="One or several; how strongly somebody prefers an answer is never wrong.",
        )  # fmt: skip
        explanation = serializers.CharField(
            max_length=4_000, help_text="Markdown; {A} and {B} become the letters that a rater sees."
        )

    @extend_schema(parameters=[FilterSerializer, *PAGING], responses=page_of(GoldOutput))
    def get(self, request: Request, slug: str) -> Response:
        member = access.reader(person(request), slug)
        return paged(request, gold_found(member.project, **asked(self.FilterSerializer, request)), GoldOutput)

    @extend_schema(request=InputSerializer, responses={201: GoldOutput})
    def post(self, request: Request, slug: str) -> Response:
        """Write gold down; a hidden check stands in the collecting round at once."""
        owner = access.owner(person(request), slug)
        added = gold_add(project=owner.project, by=owner.user, **fitting(self.InputSerializer, request))
        return Response(GoldOutput(gold_found(owner.project).get(pk=added.pk)).data, status=201)


class GoldRetireApi(Operation):
    """Ask it no more; rounds and exams that asked it keep it."""

    @extend_schema(request=None, responses=GoldOutput)
    def post(self, request: Request, slug: str, gold_id: int) -> Response:
        owner = access.owner(person(request), slug)
        gold_retire(gold=access.gold_of(owner, gold_id))
        return Response(GoldOutput(gold_found(owner.project).get(pk=gold_id)).data)
