"""Checkpoints: where they come from, which one is promoted."""

from __future__ import annotations

from typing import Any

from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotator import access, store
from annotator.api.files import ZIP, Zip
from annotator.api.operation import Operation, asked, person
from annotator.api.pages import PAGING, page_of, paged
from annotator.domain.lifecycles import CheckpointState
from annotator.domain.scopes import Scope
from annotator.exceptions import NotFound
from annotator.http import folder_download
from annotator.models import Checkpoint, CheckpointKind
from annotator.services.checkpoints import checkpoint_promote, checkpoint_retire


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


class CheckpointDownloadApi(Operation):
    """The folder as an archive: it loads in peft or transformers as it is."""

    reads = Scope.EXPORT
    renderer_classes = (*Operation.renderer_classes, Zip)

    @extend_schema(responses={(200, ZIP): OpenApiTypes.BINARY})
    def get(self, request: Request, slug: str, checkpoint_id: int) -> HttpResponseBase:
        checkpoint = access.checkpoint_of(access.reader(person(request), slug), checkpoint_id)
        folder = store.store_path(checkpoint.path)
        if not checkpoint.path or not folder.is_dir():
            raise NotFound(_("This checkpoint has no folder of its own: it is the base model as it is."))
        return folder_download(folder, f"{slug}-{checkpoint.name}")
