"""Runs: their state, what they say, and the button that stops them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotator import access
from annotator.api.operation import Operation, asked, person
from annotator.api.pages import PAGING, page_of, paged
from annotator.domain.lifecycles import RunKind, RunState
from annotator.domain.scopes import Scope
from annotator.models import Run, RunEvent
from annotator.services.runs import run_cancel


class RunOutput(serializers.Serializer[Run]):
    id = serializers.IntegerField()
    round = serializers.IntegerField(source="round.number", allow_null=True, default=None)
    kind = serializers.ChoiceField(choices=[kind.value for kind in RunKind])
    state = serializers.ChoiceField(choices=[state.value for state in RunState])
    settings = serializers.DictField()
    seed = serializers.IntegerField()
    attempt = serializers.IntegerField(help_text="Grows when a run is taken up again.")
    queued_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    report = serializers.DictField(allow_null=True, help_text="What came of it, once it succeeded.")
    error = serializers.CharField(allow_blank=True)


class RunEventOutput(serializers.Serializer[RunEvent]):
    number = serializers.IntegerField()
    kind = serializers.CharField()
    payload = serializers.DictField()
    created_at = serializers.DateTimeField()


class RunListApi(Operation):
    """The runs of a project, newest first."""

    class FilterSerializer(serializers.Serializer[Any]):
        kind = serializers.ChoiceField(choices=[kind.value for kind in RunKind], required=False)
        state = serializers.ChoiceField(choices=[state.value for state in RunState], required=False)

    @extend_schema(parameters=[FilterSerializer, *PAGING], responses=page_of(RunOutput))
    def get(self, request: Request, slug: str) -> Response:
        member = access.reader(person(request), slug)
        rows = member.project.runs.filter(**asked(self.FilterSerializer, request)).select_related("round")
        return paged(request, rows, RunOutput)


class RunApi(Operation):
    """One run: its state, and its report once it succeeded."""

    is_single = True

    @extend_schema(responses=RunOutput)
    def get(self, request: Request, slug: str, run_id: int) -> Response:
        return Response(RunOutput(access.run_of(access.reader(person(request), slug), run_id)).data)


class RunEventListApi(Operation):
    """What a run said, oldest first: ask again behind the last one to follow it."""

    class FilterSerializer(serializers.Serializer[Any]):
        kind = serializers.CharField(required=False, max_length=10)

    @extend_schema(parameters=[FilterSerializer, *PAGING], responses=page_of(RunEventOutput))
    def get(self, request: Request, slug: str, run_id: int) -> Response:
        run = access.run_of(access.reader(person(request), slug), run_id)
        return paged(request, run.events.filter(**asked(self.FilterSerializer, request)), RunEventOutput, by="number")


class RunCancelApi(Operation):
    """Cancel a live run; its process stops within seconds."""

    writes = Scope.TRAIN

    @extend_schema(request=None, responses=RunOutput)
    def post(self, request: Request, slug: str, run_id: int) -> Response:
        run = access.run_of(access.owner(person(request), slug), run_id)
        return Response(RunOutput(run_cancel(run=run)).data)
