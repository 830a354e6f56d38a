"""How good judgments are and how far raters agree, each number with n and its interval."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotator import access
from annotator.api.estimates import EstimateOutput, FigureOutput, around
from annotator.api.operation import Operation, asked, person
from annotator.models import Member, Project, Round
from annotator.selectors.agreement import agreement_tables, ceiling_of
from annotator.selectors.quality import quality_of


class RoundFilterSerializer(serializers.Serializer[Any]):
    round = serializers.IntegerField(
        required=False, min_value=1, max_value=1_000_000, help_text="Number of the round; the whole project otherwise."
    )


class RaterQualityOutput(serializers.Serializer[Any]):
    username = serializers.CharField()
    judgments = serializers.IntegerField()
    seconds = serializers.FloatField(allow_null=True, help_text="Median of a judgment.")
    left = EstimateOutput()
    agrees = EstimateOutput()


class QualityTableOutput(serializers.Serializer[Any]):
    """Of the newest judgments."""

    judgments = serializers.IntegerField()
    agreement = EstimateOutput()
    alpha = EstimateOutput()
    left = EstimateOutput()
    ties = EstimateOutput()
    both_bad = EstimateOutput()
    seconds = EstimateOutput()
    raters = RaterQualityOutput(many=True, help_text="The busiest; all of them are in numbers/raters/.")
    raters_left_out = serializers.IntegerField()


class QualityOutput(FigureOutput):
    quality = QualityTableOutput(allow_null=True, help_text="null: not found for the first time yet.")


class RowOutput(serializers.Serializer[Any]):
    name = serializers.CharField(allow_blank=True)
    round = serializers.IntegerField(allow_null=True, help_text="Its number, where the row is about a round.")
    estimates = EstimateOutput(many=True, help_text="In the order of `columns`.")


class TableOutput(serializers.Serializer[Any]):
    columns = serializers.ListField(child=serializers.CharField())
    rows = RowOutput(many=True)
    left_out = serializers.IntegerField(help_text="Rows beyond those that are shown.")


class CeilingOutput(serializers.Serializer[Any]):
    """What people agree on among themselves, beside what a reward model agrees on with them."""

    people = EstimateOutput()
    model = EstimateOutput()
    checkpoint = serializers.IntegerField(source="checkpoint.pk")


class AgreementTablesOutput(serializers.Serializer[Any]):
    judgments = serializers.IntegerField(help_text="That were looked at: the newest, of `of`.")
    of = serializers.IntegerField()
    comparisons = serializers.IntegerField()
    overall = EstimateOutput(many=True)
    questions = TableOutput()
    raters = TableOutput()
    pairs = TableOutput()
    tags = TableOutput()
    rounds = TableOutput()


class AgreementOutput(FigureOutput):
    agreement = AgreementTablesOutput(allow_null=True, help_text="null: not found for the first time yet.")
    ceiling = CeilingOutput(allow_null=True)


class QualityApi(Operation):
    """Agreement, side bias, ties and time of the newest judgments, and of the busiest raters."""

    @extend_schema(parameters=[RoundFilterSerializer], responses=QualityOutput)
    def get(self, request: Request, slug: str) -> Response:
        scope = _scope(access.reader(person(request), slug), request)
        return Response(QualityOutput({"quality": quality_of(scope), **around(scope, "quality")}).data)


class AgreementApi(Operation):
    """Every coefficient: by question, by rater, by pair of raters, by tag and by round. For owners."""

    @extend_schema(parameters=[RoundFilterSerializer], responses=AgreementOutput)
    def get(self, request: Request, slug: str) -> Response:
        member = access.owner(person(request), slug)
        scope = _scope(member, request)
        tables = agreement_tables(scope)
        round = scope if isinstance(scope, Round) else None
        ceiling = ceiling_of(tables, member.project, round) if tables else None
        found = {"agreement": tables, "ceiling": ceiling, **around(scope, "agreement")}
        return Response(AgreementOutput(found).data)


def _scope(member: Member, request: Request) -> Project | Round:
    number = asked(RoundFilterSerializer, request).get("round")
    return access.round_of(member, number) if number else member.project
