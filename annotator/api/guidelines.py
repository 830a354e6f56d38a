"""What raters are told to look for, version by version."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotator import access
from annotator.api.operation import Operation, fitting, person
from annotator.api.pages import PAGING, page_of, paged
from annotator.models import Guideline
from annotator.selectors.projects import guidelines_of
from annotator.services.projects import guideline_publish

LONGEST = 100_000


class GuidelineOutput(serializers.Serializer[Guideline]):
    version = serializers.IntegerField()
    text = serializers.CharField(allow_blank=True, help_text="Markdown.")
    must_read = serializers.BooleanField(help_text="Whether raters are asked to read it before their next pair.")
    published_by = serializers.CharField(source="published_by.username", allow_null=True, default=None)
    read_by = serializers.IntegerField(help_text="Raters of the project who have said that they read it.")
    created_at = serializers.DateTimeField()


class GuidelineListApi(Operation):
    """All versions of the guideline, newest first."""

    @extend_schema_serializer(examples=[OpenApiExample("Kindness", {"text": "Prefer the **kinder** answer."})])
    class InputSerializer(serializers.Serializer[Any]):
        text = serializers.CharField(max_length=LONGEST, trim_whitespace=False)
        must_read = serializers.BooleanField(default=True, help_text="A corrected comma need not be read.")

    @extend_schema(parameters=PAGING, responses=page_of(GuidelineOutput))
    def get(self, request: Request, slug: str) -> Response:
        member = access.reader(person(request), slug)
        return paged(request, guidelines_of(member.project), GuidelineOutput, by="-version")

    @extend_schema(request=InputSerializer, responses={201: GuidelineOutput})
    def post(self, request: Request, slug: str) -> Response:
        """Publish the next version; the same text again changes nothing."""
        owner = access.owner(person(request), slug)
        published = guideline_publish(project=owner.project, by=owner.user, **fitting(self.InputSerializer, request))
        return Response(GuidelineOutput(guidelines_of(owner.project).get(pk=published.pk)).data, status=201)
