"""Comparisons and what people said about them, for who may see who wrote what."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotator import access
from annotator.api.operation import Operation, asked, person
from annotator.api.pages import PAGING, page_of, paged
from annotator.domain.scopes import Scope
from annotator.domain.verdicts import Outcome
from annotator.models import Comparison, Judgment
from annotator.selectors.comparisons import comparisons_in, judgments_in


class ComparisonOutput(serializers.Serializer[Comparison]):
    id = serializers.IntegerField()
    round = serializers.IntegerField(source="round.number")
    prompt = serializers.IntegerField(source="prompt_id")
    first = serializers.IntegerField(
        source="first_id", help_text="A response. Which one is shown left is drawn each time."
    )
    second = serializers.IntegerField(source="second_id")
    wanted = serializers.IntegerField(help_text="Judgments that are wanted.")
    held = serializers.IntegerField(help_text="People who look at it now.")
    answered = serializers.IntegerField()
    audience = serializers.CharField(allow_blank=True, help_text="The group that is asked; empty for everybody.")
    priority = serializers.IntegerField()
    is_control = serializers.BooleanField(help_text="Handed out by chance, whatever the strategy.")
    set_aside_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class JudgmentOutput(serializers.Serializer[Judgment]):
    id = serializers.IntegerField()
    comparison = serializers.IntegerField(source="assignment.comparison_id")
    round = serializers.IntegerField(source="assignment.comparison.round.number")
    rater = serializers.CharField(source="assignment.rater.username")
    outcome = serializers.ChoiceField(choices=[outcome.value for outcome in Outcome])
    value = serializers.FloatField(
        allow_null=True, help_text="−1: first is clearly better; 1: second is; null: no axis."
    )
    preferred = serializers.IntegerField(source="preferred_id", allow_null=True, help_text="The better response.")
    preset = serializers.CharField()
    answer = serializers.CharField(help_text="What was pressed, about left and right as they were shown.")
    first_on_left = serializers.BooleanField(source="assignment.first_on_left")
    criteria = serializers.DictField()
    ratings = serializers.DictField()
    reasons = serializers.ListField(child=serializers.CharField())
    rationale = serializers.CharField(allow_blank=True)
    edited = serializers.CharField(allow_blank=True, help_text="The better response as the rater improved it.")
    seconds = serializers.FloatField()
    supersedes = serializers.IntegerField(
        source="supersedes_id", allow_null=True, help_text="The answer that it corrects."
    )
    created_at = serializers.DateTimeField()


class ComparisonListApi(Operation):
    """The comparisons of a round, in the order of their making."""

    class FilterSerializer(serializers.Serializer[Any]):
        prompt = serializers.IntegerField(required=False, min_value=1, max_value=2**63 - 1)
        is_set_aside = serializers.BooleanField(required=False, allow_null=True, default=None)
        is_complete = serializers.BooleanField(
            required=False, allow_null=True, default=None, help_text="Whether it has all judgments that are wanted."
        )

    @extend_schema(parameters=[FilterSerializer, *PAGING], responses=page_of(ComparisonOutput))
    def get(self, request: Request, slug: str, number: int) -> Response:
        round = access.round_of(access.reader(person(request), slug), number)
        rows = comparisons_in(round, **asked(self.FilterSerializer, request))
        return paged(request, rows, ComparisonOutput, by="pk")


class ComparisonApi(Operation):
    """One comparison."""

    is_single = True

    @extend_schema(responses=ComparisonOutput)
    def get(self, request: Request, slug: str, comparison_id: int) -> Response:
        found = access.comparison_of(access.reader(person(request), slug), comparison_id)
        return Response(ComparisonOutput(found).data)


class JudgmentListApi(Operation):
    """The judgments of a round, in the order of their making; answers to hidden checks are none."""

    reads = Scope.EXPORT

    class FilterSerializer(serializers.Serializer[Any]):
        comparison = serializers.IntegerField(required=False, min_value=1, max_value=2**63 - 1)
        rater = serializers.CharField(required=False, max_length=150)
        is_current = serializers.BooleanField(
            required=False, allow_null=True, default=None, help_text="Whether no later answer supersedes it."
        )

    @extend_schema(parameters=[FilterSerializer, *PAGING], responses=page_of(JudgmentOutput))
    def get(self, request: Request, slug: str, number: int) -> Response:
        round = access.round_of(access.reader(person(request), slug), number)
        return paged(request, judgments_in(round, **asked(self.FilterSerializer, request)), JudgmentOutput, by="pk")
