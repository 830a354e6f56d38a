"""Datasets: a project's data in the shapes that trainers read. Owners make them, reviewers too may take them along."""

from __future__ import annotations

from typing import Any

from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotator import access, tasks
from annotator.api.files import ZIP, Zip
from annotator.api.operation import Operation, asked, fitting, person
from annotator.api.pages import PAGING, page_of, paged
from annotator.domain.aggregation import Consensus
from annotator.domain.datasets.filters import Filters
from annotator.domain.datasets.shapes import SHAPES
from annotator.domain.lifecycles import DatasetState, SendingState
from annotator.domain.scopes import Scope
from annotator.exceptions import NotFound
from annotator.http import folder_download
from annotator.models import Dataset, Depot, Sending
from annotator.selectors.dataset_numbers import difference_to
from annotator.services import datasets as services
from annotator.services.dataset_files import FORMATS
from annotator.services.sendings import sending_create

SHAPE_NAMES = list(SHAPES)
CONSENSUS = [one.value for one in Consensus]


class FiltersSerializer(serializers.Serializer[Any]):
    rounds = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=1_000_000),
        max_length=1_000,
        default=list,
        help_text="Numbers of rounds; none: all that were not abandoned.",
    )
    tags = serializers.ListField(
        child=serializers.CharField(max_length=60),
        max_length=100,
        default=list,
        help_text="Prompts with one of them; none: all.",
    )
    votes = serializers.IntegerField(min_value=1, max_value=1_000, default=1, help_text="Judgments of a comparison.")
    agreement = serializers.FloatField(
        min_value=0.5, max_value=1, default=0.5, help_text="Share of the votes that the better answer has."
    )
    consensus = serializers.ChoiceField(choices=CONSENSUS, default=Consensus.VOTES.value)
    named = serializers.BooleanField(default=False, help_text="Raters under their user names, not pseudonyms.")


class DatasetOutput(serializers.Serializer[Dataset]):
    version = serializers.IntegerField()
    shape = serializers.ChoiceField(choices=SHAPE_NAMES)
    file_format = serializers.ChoiceField(choices=list(FORMATS))
    filters = FiltersSerializer()
    state = serializers.ChoiceField(choices=[state.value for state in DatasetState])
    share = serializers.FloatField(help_text="Of the prompts that are written, from 0 to 1.")
    error = serializers.CharField(allow_blank=True)
    sha256 = serializers.CharField(allow_blank=True, help_text="Of the manifest; empty until it is ready.")
    manifest = serializers.DictField(help_text="Counts, sources, versions and the digest of each file.")
    added_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class DatasetListApi(Operation):
    """The datasets of a project, newest first."""

    writes = Scope.EXPORT

    class InputSerializer(serializers.Serializer[Any]):
        shape = serializers.ChoiceField(choices=SHAPE_NAMES)
        file_format = serializers.ChoiceField(choices=list(FORMATS), default="jsonl")
        filters = FiltersSerializer(required=False)

    @extend_schema(parameters=PAGING, responses=page_of(DatasetOutput))
    def get(self, request: Request, slug: str) -> Response:
        project = access.reader(person(request), slug).project
        return paged(request, project.datasets.all(), DatasetOutput, by="-version")

    @extend_schema(request=InputSerializer, responses={201: DatasetOutput})
    def post(self, request: Request, slug: str) -> Response:
        """Let a worker write the next version, as of now."""
        owner = access.owner(person(request), slug)
        wanted = fitting(self.InputSerializer, request)
        filters = Filters.of(wanted.pop("filters", {}))
        dataset = services.dataset_create(project=owner.project, filters=filters, by=owner.user, **wanted)
        tasks.ring()
        return Response(DatasetOutput(dataset).data, status=201)


class DatasetApi(Operation):
    """One dataset: what it was made by, how far it is, and what it holds."""

    is_single = True

    @extend_schema(responses=DatasetOutput)
    def get(self, request: Request, slug: str, version: int) -> Response:
        return Response(DatasetOutput(access.dataset_of(access.reader(person(request), slug), version)).data)


class DatasetStopApi(Operation):
    """Stop it; nothing of it is kept."""

    writes = Scope.EXPORT

    @extend_schema(request=None, responses=DatasetOutput)
    def post(self, request: Request, slug: str, version: int) -> Response:
        dataset = access.dataset_of(access.owner(person(request), slug), version)
        return Response(DatasetOutput(services.dataset_stop(dataset=dataset)).data)


class DatasetStartApi(Operation):
    """Begin again what broke or was stopped."""

    writes = Scope.EXPORT

    @extend_schema(request=None, responses=DatasetOutput)
    def post(self, request: Request, slug: str, version: int) -> Response:
        dataset = access.dataset_of(access.owner(person(request), slug), version)
        started = services.dataset_start(dataset=dataset)
        tasks.ring()
        return Response(DatasetOutput(started).data)


class SendingOutput(serializers.Serializer[Sending]):
    id = serializers.IntegerField()
    depot = serializers.ChoiceField(choices=Depot.values)
    place = serializers.CharField()
    state = serializers.ChoiceField(choices=[state.value for state in SendingState])
    address = serializers.CharField(allow_blank=True)
    error = serializers.CharField(allow_blank=True)


class DatasetSendApi(Operation):
    """Where it was sent, the newest first; and sending it to the hub or the storage of this server."""

    writes = Scope.EXPORT

    class InputSerializer(serializers.Serializer[Any]):
        depot = serializers.ChoiceField(choices=Depot.values)
        repo = serializers.CharField(max_length=96, required=False, default="", help_text="On the hub: owner/name.")
        private = serializers.BooleanField(default=True, help_text="On the hub.")

    @extend_schema(parameters=PAGING, responses=page_of(SendingOutput))
    def get(self, request: Request, slug: str, version: int) -> Response:
        dataset = access.dataset_of(access.reader(person(request), slug), version)
        return paged(request, dataset.sendings.all(), SendingOutput)

    @extend_schema(request=InputSerializer, responses={201: SendingOutput})
    def post(self, request: Request, slug: str, version: int) -> Response:
        owner = access.owner(person(request), slug)
        dataset = access.dataset_of(owner, version)
        sending = sending_create(dataset=dataset, by=owner.user, **fitting(self.InputSerializer, request))
        tasks.ring()
        return Response(SendingOutput(sending).data, status=201)


class DifferenceOutput(serializers.Serializer[Any]):
    earlier = serializers.IntegerField(source="earlier.version")
    later = serializers.IntegerField(source="later.version")
    added = serializers.IntegerField(help_text="Rows.")
    removed = serializers.IntegerField()
    changed = serializers.IntegerField(help_text="Rows about the same thing that say something else.")
    same = serializers.IntegerField()


class DatasetDifferenceApi(Operation):
    """How it differs from an earlier version of the same shape, in rows."""

    class FilterSerializer(serializers.Serializer[Any]):
        earlier = serializers.IntegerField(
            min_value=1, max_value=2**31 - 1, required=False, help_text="A version; without it the one before."
        )

    @extend_schema(parameters=[FilterSerializer], responses=DifferenceOutput)
    def get(self, request: Request, slug: str, version: int) -> Response:
        later = access.dataset_of(access.reader(person(request), slug), version)
        found = difference_to(later, asked(self.FilterSerializer, request).get("earlier"))
        if found is None:
            raise NotFound(_("There is no earlier version of the same shape to compare it with."))
        return Response(DifferenceOutput(found).data)


class DatasetDownloadApi(Operation):
    """The folder as an archive: rows of both splits, data card, manifest, guidelines."""

    reads = Scope.EXPORT
    renderer_classes = (*Operation.renderer_classes, Zip)

    @extend_schema(responses={(200, ZIP): OpenApiTypes.BINARY})
    def get(self, request: Request, slug: str, version: int) -> HttpResponseBase:
        dataset = access.dataset_of(access.reader(person(request), slug), version)
        return folder_download(services.dataset_folder_ready(dataset), f"{slug}-dataset-{version}")
