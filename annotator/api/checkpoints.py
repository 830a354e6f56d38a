"""Checkpoints: where they come from, which one is promoted."""

from __future__ import annotations

from typing import Any

from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotator import access, tasks
from annotator.api.files import ZIP, Zip
from annotator.api.operation import Operation, asked, fitting, person
from annotator.api.pages import PAGING, page_of, paged
from annotator.api.runs import RunOutput
from annotator.domain.lifecycles import CheckpointState
from annotator.domain.scopes import Scope
from annotator.domain.weights import Weights
from annotator.http import folder_download
from annotator.models import Checkpoint, CheckpointKind
from annotator.selectors.model_cards import card_of
from annotator.selectors.weights import weights_folder, weights_name
from annotator.services.checkpoints import checkpoint_promote, checkpoint_retire
from annotator.services.merges import merge_queue, merge_remove
from annotator.services.pushes import push_queue


class CheckpointOutput(serializers.Serializer[Checkpoint]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=CheckpointKind.choices)
    state = serializers.ChoiceField(choices=[state.value for state in CheckpointState])
    base_model = serializers.CharField()
    parent = serializers.IntegerField(source="parent_id", allow_null=True)
    snapshot = serializers.IntegerField(
        source="snapshot.version", allow_null=True, default=None, help_text="Its version."
    )
    run = serializers.IntegerField(source="run_id", allow_null=True)
    sha256 = serializers.CharField(
        allow_blank=True, help_text="Of the folder's manifest; empty for the bare base model."
    )
    settings = serializers.DictField()
    metrics = serializers.DictField()
    created_at = serializers.DateTimeField()
    promoted_at = serializers.DateTimeField(allow_null=True)


class CheckpointListApi(Operation):
    """The checkpoints of a project, newest first."""

    class FilterSerializer(serializers.Serializer[Any]):
        kind = serializers.ChoiceField(choices=CheckpointKind.choices, required=False)
        state = serializers.ChoiceField(choices=[state.value for state in CheckpointState], required=False)

    @extend_schema(parameters=[FilterSerializer, *PAGING], responses=page_of(CheckpointOutput))
    def get(self, request: Request, slug: str) -> Response:
        member = access.reader(person(request), slug)
        rows = member.project.checkpoints.filter(**asked(self.FilterSerializer, request)).select_related("snapshot")
        return paged(request, rows, CheckpointOutput)


class CheckpointApi(Operation):
    """One checkpoint."""

    is_single = True

    @extend_schema(responses=CheckpointOutput)
    def get(self, request: Request, slug: str, checkpoint_id: int) -> Response:
        found = access.checkpoint_of(access.reader(person(request), slug), checkpoint_id)
        return Response(CheckpointOutput(found).data)


class CheckpointPromoteApi(Operation):
    """Make this the policy that the next round starts from; the one before retires. This also rolls back."""

    writes = Scope.TRAIN

    @extend_schema(request=None, responses=CheckpointOutput)
    def post(self, request: Request, slug: str, checkpoint_id: int) -> Response:
        found = access.checkpoint_of(access.owner(person(request), slug), checkpoint_id)
        return Response(CheckpointOutput(checkpoint_promote(checkpoint=found)).data)


class CheckpointRetireApi(Operation):
    """Turn a candidate down."""

    writes = Scope.TRAIN

    @extend_schema(request=None, responses=CheckpointOutput)
    def post(self, request: Request, slug: str, checkpoint_id: int) -> Response:
        found = access.checkpoint_of(access.owner(person(request), slug), checkpoint_id)
        return Response(CheckpointOutput(checkpoint_retire(checkpoint=found)).data)


class CheckpointCardApi(Operation):
    """The README.md that travels with the weights: what they are, where they come from, what was measured."""

    class OutputSerializer(serializers.Serializer[Any]):
        text = serializers.CharField(help_text="Markdown, with a head of metadata as model hubs read it.")

    @extend_schema(responses=OutputSerializer)
    def get(self, request: Request, slug: str, checkpoint_id: int) -> Response:
        checkpoint = access.checkpoint_of(access.reader(person(request), slug), checkpoint_id)
        return Response({"text": card_of(checkpoint, Weights.TRAINED)})


class CheckpointDownloadApi(Operation):
    """The folder as an archive: it loads in peft or transformers as it is. For owners."""

    reads = Scope.EXPORT
    renderer_classes = (*Operation.renderer_classes, Zip)

    @extend_schema(responses={(200, ZIP): OpenApiTypes.BINARY})
    def get(self, request: Request, slug: str, checkpoint_id: int) -> HttpResponseBase:
        return _taken_along(access.checkpoint_of(access.owner(person(request), slug), checkpoint_id), Weights.TRAINED)


class CheckpointMergeApi(Operation):
    """Have the whole weights made of base model and adapter; the run says when they are there."""

    writes = Scope.TRAIN

    @extend_schema(request=None, responses={201: RunOutput})
    def post(self, request: Request, slug: str, checkpoint_id: int) -> Response:
        run = merge_queue(checkpoint=access.checkpoint_of(access.owner(person(request), slug), checkpoint_id))
        tasks.ring()
        return Response(RunOutput(run).data, status=201)


class CheckpointMergedRemoveApi(Operation):
    """Remove the whole weights; they can be made again at any time."""

    writes = Scope.TRAIN

    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request, slug: str, checkpoint_id: int) -> Response:
        merge_remove(checkpoint=access.checkpoint_of(access.owner(person(request), slug), checkpoint_id))
        return Response(status=204)


class CheckpointMergedDownloadApi(Operation):
    """The whole weights as an archive, once they are made. For owners."""

    reads = Scope.EXPORT
    renderer_classes = (*Operation.renderer_classes, Zip)

    @extend_schema(responses={(200, ZIP): OpenApiTypes.BINARY})
    def get(self, request: Request, slug: str, checkpoint_id: int) -> HttpResponseBase:
        return _taken_along(access.checkpoint_of(access.owner(person(request), slug), checkpoint_id), Weights.MERGED)


class CheckpointPushApi(Operation):
    """Have weights sent to the hub of this server, as one commit with the card; the run says when they are there."""

    writes = Scope.EXPORT

    class InputSerializer(serializers.Serializer[Any]):
        repo = serializers.CharField(max_length=96, help_text="Owner and name; it is made if it does not exist.")
        weights = serializers.ChoiceField(choices=[one.value for one in Weights], default=Weights.TRAINED.value)
        private = serializers.BooleanField(default=True, help_text="What is private goes into no public repository.")

    @extend_schema(request=InputSerializer, responses={201: RunOutput})
    def post(self, request: Request, slug: str, checkpoint_id: int) -> Response:
        checkpoint = access.checkpoint_of(access.owner(person(request), slug), checkpoint_id)
        wanted = fitting(self.InputSerializer, request)
        run = push_queue(checkpoint=checkpoint, **{**wanted, "weights": Weights(wanted["weights"])})
        tasks.ring()
        return Response(RunOutput(run).data, status=201)


def _taken_along(checkpoint: Checkpoint, weights: Weights) -> HttpResponseBase:
    folder, name = weights_folder(checkpoint, weights), weights_name(checkpoint, weights)
    return folder_download(folder, name, beside={"README.md": card_of(checkpoint, weights)})
