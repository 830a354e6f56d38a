"""Bringing files in: keep one, look at it, start it, and hear what did not fit. For owners."""

from __future__ import annotations

from typing import Any

from django.http import FileResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotator import access, tasks
from annotator.api.files import BYTES, LinesOut, Whole
from annotator.api.operation import Operation, asked, fitting, person
from annotator.api.pages import PAGING, page_of, paged
from annotator.api.rows import NDJSON
from annotator.domain.formats.columns import ROLES
from annotator.domain.formats.detection import FORMATS
from annotator.domain.lifecycles import ImportState
from annotator.exceptions import InputInvalid, NotFound
from annotator.models import Import
from annotator.services import imports as services
from annotator.services.import_fetches import import_add_from_hub

STATES = [state.value for state in ImportState]
READ_AS = ["columns", *FORMATS]


class ImportOutput(serializers.Serializer[Import]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    size = serializers.IntegerField(help_text="Bytes.")
    fetched = serializers.IntegerField(help_text="Bytes that have come from the hub, where it is fetched from one.")
    format = serializers.CharField(allow_blank=True, help_text="How it is read; empty until that is known.")
    columns = serializers.DictField(child=serializers.CharField(), help_text="Role → column.")
    license = serializers.CharField(allow_blank=True, help_text="Of the rows that name none of their own.")
    state = serializers.ChoiceField(choices=STATES)
    position = serializers.IntegerField(help_text="Records that are in; started again, it goes on behind them.")
    counts = serializers.DictField(help_text="read = imported + known + bad.")
    notes = serializers.ListField(child=serializers.CharField(), help_text="Left aside, and near-duplicates.")
    error = serializers.CharField(allow_blank=True)
    added_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class SampleOutput(serializers.Serializer[Any]):
    """What a look at the first rows found. Nothing is stored yet."""

    format = serializers.CharField(allow_blank=True)
    good = serializers.IntegerField(default=0)
    bad = serializers.IntegerField(default=0)
    columns = serializers.ListField(child=serializers.CharField(), default=list)
    preview = serializers.ListField(child=serializers.DictField(), default=list)
    errors = serializers.ListField(child=serializers.DictField(), default=list)


class ImportSampleOutput(ImportOutput):
    sample = SampleOutput()


class ServerFilesOutput(serializers.Serializer[Any]):
    names = serializers.ListField(child=serializers.CharField())


class NameSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(
        max_length=200, help_text="Of the file: its ending says whether it is a table, and how it is packed."
    )


class ImportListApi(Operation):
    """What was brought into a project, newest first."""

    parser_classes = (Whole,)
    is_streamed = True

    class FilterSerializer(serializers.Serializer[Any]):
        state = serializers.ChoiceField(choices=STATES, required=False)

    @extend_schema(parameters=[FilterSerializer, *PAGING], responses=page_of(ImportOutput))
    def get(self, request: Request, slug: str) -> Response:
        project = access.owner(person(request), slug).project
        return paged(request, project.imports.filter(**asked(self.FilterSerializer, request)), ImportOutput)

    @extend_schema(
        parameters=[NameSerializer], request={BYTES: OpenApiTypes.BINARY}, responses={201: ImportSampleOutput}
    )
    def post(self, request: Request, slug: str) -> Response:
        """Keep a file and look at its first rows; start it when what was understood is right. The body is the file."""
        owner = access.owner(person(request), slug)
        name = asked(NameSerializer, request)["name"]
        if not request.data:
            raise InputInvalid(_("The body of the request is the file, and it is empty."))
        added = services.import_add(project=owner.project, name=name, chunks=request.data, by=owner.user)
        return Response(ImportSampleOutput(added).data, status=201)


class ServerFileListApi(Operation):
    """Files and folders that lie on the server and can be imported without sending them."""

    @extend_schema(responses=ServerFilesOutput)
    def get(self, request: Request, slug: str) -> Response:
        access.owner(person(request), slug)
        return Response({"names": services.server_files()})


class ImportFromServerApi(Operation):
    """Look at a file or folder that lies on the server, where it stays."""

    class InputSerializer(serializers.Serializer[Any]):
        name = serializers.CharField(max_length=200)

    @extend_schema(request=InputSerializer, responses={201: ImportSampleOutput})
    def post(self, request: Request, slug: str) -> Response:
        owner = access.owner(person(request), slug)
        wanted = fitting(self.InputSerializer, request)
        added = services.import_add_from_server(project=owner.project, by=owner.user, **wanted)
        return Response(ImportSampleOutput(added).data, status=201)


class ImportFromHubApi(Operation):
    """Let a worker fetch a data set from the hub of this server; when that is done, see what was understood."""

    class InputSerializer(serializers.Serializer[Any]):
        dataset = serializers.CharField(
            max_length=400, help_text="owner/name; a folder or file inside of it, and @ with a revision, may follow."
        )

    @extend_schema(request=InputSerializer, responses={201: ImportOutput})
    def post(self, request: Request, slug: str) -> Response:
        owner = access.owner(person(request), slug)
        added = import_add_from_hub(project=owner.project, by=owner.user, **fitting(self.InputSerializer, request))
        tasks.ring()
        return Response(ImportOutput(added).data, status=201)


class ImportApi(Operation):
    """One import: how it is read, how far it is, and what came of it."""

    is_single = True

    @extend_schema(responses=ImportSampleOutput)
    def get(self, request: Request, slug: str, import_id: int) -> Response:
        one = access.import_of(access.owner(person(request), slug), import_id)
        return Response(ImportSampleOutput(one).data)


class ImportReadAsApi(Operation):
    """Say how to read it, and look at it again; not once it has started."""

    @extend_schema_serializer(
        examples=[OpenApiExample("A table", {"format": "columns", "columns": {"prompt": "q", "response": "a"}})]
    )
    class InputSerializer(serializers.Serializer[Any]):
        format = serializers.ChoiceField(choices=READ_AS)
        columns = serializers.DictField(
            child=serializers.CharField(max_length=1_000), required=False, default=dict,
            help_text=f"Role → column, for the format “columns”. Roles: {', '.join(ROLES)}.",
        )  # fmt: skip

    @extend_schema(request=InputSerializer, responses=ImportSampleOutput)
    def post(self, request: Request, slug: str, import_id: int) -> Response:
        one = access.import_of(access.owner(person(request), slug), import_id)
        read = services.import_read_as(one=one, **fitting(self.InputSerializer, request))
        return Response(ImportSampleOutput(read).data)


class ImportStartApi(Operation):
    """Let a worker read it, from the first row or behind the last one that is in."""

    class InputSerializer(serializers.Serializer[Any]):
        license = serializers.CharField(
            max_length=100, required=False, allow_blank=True,
            help_text="Of the rows that name none of their own. Left out, it stays what it was.",
        )  # fmt: skip

    @extend_schema(request=InputSerializer, responses=ImportOutput)
    def post(self, request: Request, slug: str, import_id: int) -> Response:
        one = access.import_of(access.owner(person(request), slug), import_id)
        started = services.import_start(one=one, **fitting(self.InputSerializer, request))
        tasks.ring()
        return Response(ImportOutput(started).data)


class ImportStopApi(Operation):
    """Stop it; what is in stays in."""

    @extend_schema(request=None, responses=ImportOutput)
    def post(self, request: Request, slug: str, import_id: int) -> Response:
        stopped = services.import_stop(one=access.import_of(access.owner(person(request), slug), import_id))
        return Response(ImportOutput(stopped).data)


class ImportErrorsApi(Operation):
    """The rows that did not fit, as JSON lines: where each stands, and why."""

    renderer_classes = (*Operation.renderer_classes, LinesOut)

    @extend_schema(responses={(200, NDJSON): OpenApiTypes.BINARY})
    def get(self, request: Request, slug: str, import_id: int) -> HttpResponseBase:
        one = access.import_of(access.owner(person(request), slug), import_id)
        path = services.errors_path(one)
        if not one.counts.get("errors_bytes") or not path.is_file():
            raise NotFound(_("This import has no bad rows."))
        return FileResponse(path.open("rb"), filename=f"import-{one.pk}-errors.jsonl", content_type=NDJSON)
