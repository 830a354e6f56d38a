"""How raters are asked, version by version."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotator import access
from annotator.api.operation import Operation, fitting, person
from annotator.api.pages import PAGING, page_of, paged
from annotator.domain.asking import ReasonWish
from annotator.domain.protocols import PRESETS as SCALES
from annotator.domain.verdicts import OPTIONAL
from annotator.models import Protocol
from annotator.services.protocols import LONGEST_REASON, protocol_publish

USUAL_SCALE = "five_point"


class CriterionSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=200)
    question = serializers.CharField(max_length=1_000, required=False, allow_blank=True, default="")
    preset = serializers.ChoiceField(choices=sorted(SCALES), required=False, default=USUAL_SCALE)


class ProtocolOutput(serializers.Serializer[Protocol]):
    """One version of what a project asks. Judgments keep the one that they were given under."""

    id = serializers.IntegerField()
    version = serializers.IntegerField()
    preset = serializers.ChoiceField(choices=sorted(SCALES))
    outcomes = serializers.ListField(child=serializers.ChoiceField(choices=[one.value for one in OPTIONAL]))
    criteria = CriterionSerializer(many=True)
    ratings = serializers.SerializerMethodField(help_text="What each answer gets 0 to 4 points for.")
    reason = serializers.ChoiceField(choices=[wish.value for wish in ReasonWish])
    reason_min = serializers.IntegerField(help_text="Characters that a required reason has.")
    reasons = serializers.ListField(child=serializers.CharField(), help_text="Sentences to tick.")
    edit = serializers.BooleanField(help_text="Whether the better answer may be improved.")
    created_at = serializers.DateTimeField()

    def get_ratings(self, protocol: Protocol) -> list[str]:
        return [row["name"] for row in protocol.ratings]


class ProtocolListApi(Operation):
    """All versions of the protocol, newest first."""

    @extend_schema_serializer(
        examples=[
            OpenApiExample("Two questions", {"preset": "five_point", "criteria": [{"name": "Accuracy"}], "edit": True})
        ]
    )
    class InputSerializer(serializers.Serializer[Any]):
        preset = serializers.ChoiceField(choices=sorted(SCALES), help_text="The scale of the overall question.")
        outcomes = serializers.ListField(
            child=serializers.ChoiceField(choices=[one.value for one in OPTIONAL]),
            required=False, allow_null=True, default=None, max_length=len(OPTIONAL),
            help_text="What may be answered beside a preference; null: what the scale was published with.",
        )  # fmt: skip
        criteria = CriterionSerializer(many=True, required=False, help_text="Asked beside the overall question.")
        ratings = serializers.ListField(child=serializers.CharField(max_length=200), required=False, max_length=8)
        reason = serializers.ChoiceField(choices=[wish.value for wish in ReasonWish], default=ReasonWish.OPTIONAL.value)
        reason_min = serializers.IntegerField(min_value=0, max_value=LONGEST_REASON, default=0)
        reasons = serializers.ListField(child=serializers.CharField(max_length=300), required=False, max_length=12)
        edit = serializers.BooleanField(default=False)

    @extend_schema(parameters=PAGING, responses=page_of(ProtocolOutput))
    def get(self, request: Request, slug: str) -> Response:
        member = access.reader(person(request), slug)
        return paged(request, member.project.protocols.all(), ProtocolOutput, by="-version")

    @extend_schema(request=InputSerializer, responses={201: ProtocolOutput})
    def post(self, request: Request, slug: str) -> Response:
        """Ask in this way from the next pair on; the same again changes nothing."""
        owner = access.owner(person(request), slug)
        wanted = fitting(self.InputSerializer, request)
        for one in wanted.get("criteria", []):
            one["question"] = one["question"] or _("%(name)s: which answer is better?") % one
        return Response(ProtocolOutput(protocol_publish(project=owner.project, **wanted)).data, status=201)
