"""Snapshots: what was known when a round was launched, and taking it home."""

from __future__ import annotations

from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotator import access, store
from annotator.api.files import ZIP, Zip
from annotator.api.operation import Operation, person
from annotator.api.pages import PAGING, page_of, paged
from annotator.domain.scopes import Scope
from annotator.exceptions import NotFound
from annotator.http import folder_download
from annotator.models import Snapshot
from annotator.selectors.lineage import snapshots_of


class SnapshotOutput(serializers.Serializer[Snapshot]):
    version = serializers.IntegerField()
    round = serializers.IntegerField(source="round.number")
    sha256 = serializers.CharField(help_text="Of the folder's manifest, which holds the digests of its files.")
    counts = serializers.DictField()
    created_at = serializers.DateTimeField()


class SnapshotListApi(Operation):
    """The snapshots of a project, newest first."""

    @extend_schema(parameters=PAGING, responses=page_of(SnapshotOutput))
    def get(self, request: Request, slug: str) -> Response:
        member = access.reader(person(request), slug)
        return paged(request, snapshots_of(member.project), SnapshotOutput, by="-version")


class SnapshotApi(Operation):
    """One snapshot."""

    is_single = True

    @extend_schema(responses=SnapshotOutput)
    def get(self, request: Request, slug: str, version: int) -> Response:
        return Response(SnapshotOutput(access.snapshot_of(access.reader(person(request), slug), version)).data)


class SnapshotDownloadApi(Operation):
    """The folder as an archive: rows, manifest, digests."""

    reads = Scope.EXPORT
    renderer_classes = (*Operation.renderer_classes, Zip)

    @extend_schema(responses={(200, ZIP): OpenApiTypes.BINARY})
    def get(self, request: Request, slug: str, version: int) -> HttpResponseBase:
        snapshot = access.snapshot_of(access.reader(person(request), slug), version)
        folder = store.store_path(snapshot.path)
        if not folder.is_dir():
            raise NotFound(_("The folder of this snapshot is missing from the store. Restore it from a backup."))
        return folder_download(folder, f"{slug}-snapshot-{version}")
