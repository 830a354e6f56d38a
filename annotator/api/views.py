"""What an owner's script asks: where a project stands, launch, watch, cancel."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.utils.decorators import method_decorator
from drf_spectacular.utils import extend_schema
from pydantic import ValidationError
from rest_framework import serializers
from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotator import access, tasks
from annotator.exceptions import InputInvalid
from annotator.models import Checkpoint, Member, Project, Round, Run
from annotator.services.rounds import round_launch
from annotator.services.runs import run_cancel
from training.config import PRESETS, RoundSettings


# The API says 403 in JSON where the pages would lead to the log-in form.
@method_decorator(login_not_required, name="dispatch")
class Operation(APIView):
    authentication_classes = (SessionAuthentication,)


class ProjectOutput(serializers.ModelSerializer[Project]):
    preset = serializers.CharField(source="protocols.first.preset", help_text="The scale that raters answer on now.")

    class Meta:
        model = Project
        fields = ("slug", "name", "description", "base_model", "preset", "overlap", "created_at")


class RoundOutput(serializers.ModelSerializer[Round]):
    class Meta:
        model = Round
        fields = ("number", "state", "settings", "opened_at", "launched_at", "closed_at")


class RunOutput(serializers.ModelSerializer[Run]):
    class Meta:
        model = Run
        fields = (
            "id", "kind", "state", "settings", "seed", "attempt", "queued_at", "started_at", "finished_at",
            "report", "error",
        )  # fmt: skip


class CheckpointOutput(serializers.ModelSerializer[Checkpoint]):
    class Meta:
        model = Checkpoint
        fields = (
            "id", "name", "kind", "state", "base_model", "parent", "snapshot", "run", "sha256", "settings",
            "metrics", "created_at",
        )  # fmt: skip


class ProjectListApi(Operation):
    """The projects in which you are an owner or a reviewer."""

    @extend_schema(responses=ProjectOutput(many=True))
    def get(self, request: Request) -> Response:
        return Response(ProjectOutput(access.projects_readable(request.user), many=True).data)


class RoundListApi(Operation):
    """The rounds of a project, newest first."""

    @extend_schema(responses=RoundOutput(many=True))
    def get(self, request: Request, slug: str) -> Response:
        return Response(RoundOutput(_reader(request, slug).project.rounds.all(), many=True).data)


class RoundLaunchApi(Operation):
    """Launch a collecting round: a preset, and settings that differ from it."""

    class InputSerializer(serializers.Serializer[Any]):
        preset = serializers.ChoiceField(choices=sorted(PRESETS), default="standard")
        settings = serializers.JSONField(
            required=False, help_text="Fields of RoundSettings that replace those of the preset, such as seed or dpo."
        )

    @extend_schema(request=InputSerializer, responses=RoundOutput)
    def post(self, request: Request, slug: str, number: int) -> Response:
        member = access.owner(request.user, slug)
        wanted = self.InputSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        settings = _settings(wanted.validated_data["preset"], wanted.validated_data.get("settings"))
        round = round_launch(round=access.round_of(member, number), settings=settings, by=member.user)
        tasks.ring()
        return Response(RoundOutput(round).data)


class RunDetailApi(Operation):
    """One run: its state, and its report once it succeeded."""

    @extend_schema(responses=RunOutput)
    def get(self, request: Request, slug: str, run_id: int) -> Response:
        return Response(RunOutput(access.run_of(_reader(request, slug), run_id)).data)


class RunCancelApi(Operation):
    """Cancel a live run; its process stops within seconds."""

    @extend_schema(request=None, responses=RunOutput)
    def post(self, request: Request, slug: str, run_id: int) -> Response:
        run = access.run_of(access.owner(request.user, slug), run_id)
        return Response(RunOutput(run_cancel(run=run)).data)


class CheckpointListApi(Operation):
    """The checkpoints of a project, newest first."""

    @extend_schema(responses=CheckpointOutput(many=True))
    def get(self, request: Request, slug: str) -> Response:
        return Response(CheckpointOutput(_reader(request, slug).project.checkpoints.all(), many=True).data)


def _reader(request: Request, slug: str) -> Member:
    return access.reader(request.user, slug)


def _settings(preset: str, changes: Any) -> RoundSettings:
    """The preset with `changes` laid over it, section by section. Raises InputInvalid naming the field."""
    if changes is not None and not isinstance(changes, dict):
        raise InputInvalid("settings: must be an object.")
    try:
        return RoundSettings.model_validate(_laid_over(PRESETS[preset][1].model_dump(), changes or {}))
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
