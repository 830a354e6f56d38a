"""What raters found wrong with pairs, and what follows."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotator import access
from annotator.api.comparisons import ComparisonOutput
from annotator.api.fields import id_field
from annotator.api.operation import Operation, asked, person
from annotator.api.pages import PAGING, page_of, paged
from annotator.domain.flags import FlagKind
from annotator.models import Flag
from annotator.selectors.flags import flags_open
from annotator.services.flags import comparison_put_back, comparison_set_aside

KINDS = [kind.value for kind in FlagKind]


class FlagOutput(serializers.Serializer[Flag]):
    id = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=KINDS)
    comparison = serializers.IntegerField(source="assignment.comparison_id")
    rater = serializers.CharField(source="assignment.rater.username")
    created_at = serializers.DateTimeField()


class FlagListApi(Operation):
    """Flags that nobody has settled yet, newest first."""

    class FilterSerializer(serializers.Serializer[Any]):
        kind = serializers.ChoiceField(choices=KINDS, required=False)
        comparison = id_field(required=False)

    @extend_schema(parameters=[FilterSerializer, *PAGING], responses=page_of(FlagOutput))
    def get(self, request: Request, slug: str) -> Response:
        member = access.reader(person(request), slug)
        return paged(request, flags_open(member.project, **asked(self.FilterSerializer, request)), FlagOutput)


class ComparisonSetAsideApi(Operation):
    """Show it to nobody and leave it out of snapshots; its judgments stay."""

    @extend_schema(request=None, responses=ComparisonOutput)
    def post(self, request: Request, slug: str, comparison_id: int) -> Response:
        owner = access.owner(person(request), slug)
        comparison_set_aside(comparison=access.comparison_of(owner, comparison_id))
        return Response(ComparisonOutput(access.comparison_of(owner, comparison_id)).data)


class ComparisonPutBackApi(Operation):
    """Let it be judged and learnt from again; its flags so far are settled."""

    @extend_schema(request=None, responses=ComparisonOutput)
    def post(self, request: Request, slug: str, comparison_id: int) -> Response:
        owner = access.owner(person(request), slug)
        comparison_put_back(comparison=access.comparison_of(owner, comparison_id))
        return Response(ComparisonOutput(access.comparison_of(owner, comparison_id)).data)
