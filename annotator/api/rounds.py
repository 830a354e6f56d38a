"""Rounds: begin, watch, launch, give up; who holds what in them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_serializer
from pydantic import ValidationError
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotator import access, tasks
from annotator.api.operation import Operation, asked, fitting, person
from annotator.api.pages import PAGING, page_of, paged
from annotator.api.runs import RunOutput
from annotator.domain.lifecycles import RoundState
from annotator.domain.scopes import Scope
from annotator.exceptions import InputInvalid
from annotator.models import Assignment, Round
from annotator.selectors import rounds as select
from annotator.services import rounds as services
from annotator.services.assignments import assignment_release
from training.config import PRESETS, RoundSettings


class RoundOutput(serializers.Serializer[Round]):
    number = serializers.IntegerField()
    state = serializers.ChoiceField(choices=[state.value for state in RoundState])
    settings = serializers.DictField(help_text="training.config.RoundSettings, fixed at launch.")
    parent = serializers.IntegerField(
        source="parent_id", allow_null=True, help_text="The policy that training starts from."
    )
    created_at = serializers.DateTimeField()
    opened_at = serializers.DateTimeField(allow_null=True)
    launched_at = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)


class ProgressOutput(serializers.Serializer[Any]):
    """How many judgments a round wants, has and lends out."""

    comparisons = serializers.IntegerField()
    wanted = serializers.IntegerField()
    answered = serializers.IntegerField()
    held = serializers.IntegerField()
    decided = serializers.IntegerField(help_text="Judgments that prefer a side on a prompt that may be trained on.")
    set_aside = serializers.IntegerField(help_text="Comparisons that raters flagged.")


class LeaseOutput(serializers.Serializer[Assignment]):
    id = serializers.IntegerField()
    rater = serializers.CharField(source="rater.username")
    claimed_at = serializers.DateTimeField()
    leased_until = serializers.DateTimeField()


class RoundListApi(Operation):
    """The rounds of a project, newest first."""

    writes = Scope.TRAIN

    class FilterSerializer(serializers.Serializer[Any]):
        state = serializers.ChoiceField(choices=[state.value for state in RoundState], required=False)

    @extend_schema(parameters=[FilterSerializer, *PAGING], responses=page_of(RoundOutput))
    def get(self, request: Request, slug: str) -> Response:
        member = access.reader(person(request), slug)
        return paged(
            request, member.project.rounds.filter(**asked(self.FilterSerializer, request)), RoundOutput, by="-number"
        )

    @extend_schema(request=None, responses={201: RoundOutput})
    def post(self, request: Request, slug: str) -> Response:
        """Begin the next round: the policies write its answers."""
        round = services.round_prepare(project=access.owner(person(request), slug).project)
        tasks.ring()
        return Response(RoundOutput(round).data, status=201)


class RoundApi(Operation):
    """One round."""

    is_single = True

    @extend_schema(responses=RoundOutput)
    def get(self, request: Request, slug: str, number: int) -> Response:
        return Response(RoundOutput(access.round_of(access.reader(person(request), slug), number)).data)


class RoundProgressApi(Operation):
    """How far the judging of a round is."""

    @extend_schema(responses=ProgressOutput)
    def get(self, request: Request, slug: str, number: int) -> Response:
        round = access.round_of(access.reader(person(request), slug), number)
        return Response(ProgressOutput(select.round_progress(round)).data)


class RoundLaunchApi(Operation):
    """Launch a collecting round: a preset, and settings that differ from it."""

    writes = Scope.TRAIN

    @extend_schema_serializer(
        examples=[OpenApiExample("A shorter leash", {"preset": "quick", "settings": {"dpo": {"beta": 0.2}}})]
    )
    class InputSerializer(serializers.Serializer[Any]):
        preset = serializers.ChoiceField(choices=sorted(PRESETS), default="standard")
        settings = serializers.DictField(
            required=False, help_text="Fields of RoundSettings that replace those of the preset, such as seed or dpo."
        )

    @extend_schema(request=InputSerializer, responses=RoundOutput)
    def post(self, request: Request, slug: str, number: int) -> Response:
        member = access.owner(person(request), slug)
        wanted = fitting(self.InputSerializer, request)
        settings = _settings(wanted["preset"], wanted.get("settings", {}))
        round = services.round_launch(round=access.round_of(member, number), settings=settings, by=member.user)
        tasks.ring()
        return Response(RoundOutput(round).data)


class RoundAbandonApi(Operation):
    """Give a round up: its runs are cancelled, its judgments stay."""

    writes = Scope.TRAIN

    @extend_schema(request=None, responses=RoundOutput)
    def post(self, request: Request, slug: str, number: int) -> Response:
        round = access.round_of(access.owner(person(request), slug), number)
        return Response(RoundOutput(services.round_abandon(round=round)).data)


class RoundRetryApi(Operation):
    """Queue the stage again that failed or was cancelled."""

    writes = Scope.TRAIN

    @extend_schema(request=None, responses={201: RunOutput})
    def post(self, request: Request, slug: str, number: int) -> Response:
        run = services.round_retry(round=access.round_of(access.owner(person(request), slug), number))
        tasks.ring()
        return Response(RunOutput(run).data, status=201)


class LeaseListApi(Operation):
    """Who holds what in a round right now."""

    @extend_schema(parameters=PAGING, responses=page_of(LeaseOutput))
    def get(self, request: Request, slug: str, number: int) -> Response:
        round = access.round_of(access.reader(person(request), slug), number)
        return paged(request, select.leases_held(round), LeaseOutput, by="pk")


class LeaseReleaseApi(Operation):
    """Free the slot of somebody who holds a comparison."""

    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request, slug: str, number: int, assignment_id: int) -> Response:
        member = access.owner(person(request), slug)
        assignment_release(assignment=access.lease_of(member, number, assignment_id))
        return Response(status=204)


def _settings(preset: str, changes: dict[str, Any]) -> RoundSettings:
    """The preset with `changes` laid over it, section by section. Raises InputInvalid naming the field."""
    try:
        return RoundSettings.model_validate(_laid_over(PRESETS[preset][1].model_dump(), changes))
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, p['loc']))}: {p['msg'].removeprefix('Value error, ')}" for p in error.errors()
        )
        raise InputInvalid(f"settings: {problems}") from error


def _laid_over(before: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    merged = dict(before)
    for name, value in changes.items():
        inner = before.get(name)
        merged[name] = _laid_over(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return merged
