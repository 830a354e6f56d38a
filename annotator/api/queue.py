"""The queue: in which order it hands out, to whom, and how much."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotator import access, tasks
from annotator.api.estimates import EstimateOutput
from annotator.api.fields import NumberField, id_field, share_field
from annotator.api.operation import Operation, fitting, person, version_must_match
from annotator.domain.overlap import HIGHEST_BOUND, LOWEST_BOUND
from annotator.domain.strategies import Informative, Order
from annotator.exceptions import InputInvalid
from annotator.models import Project
from annotator.selectors.pace import forecast_of
from annotator.selectors.queue_health import depths_of, queue_health
from annotator.selectors.steering import authors_of, groups_of
from annotator.selectors.votes import Author
from annotator.services.comparisons import comparisons_prioritise, comparisons_want
from annotator.services.projects import project_locked
from annotator.services.queue import queue_update


class RuleSerializer(serializers.Serializer[Any]):
    """What holds for prompts with this tag. Of several rules that fit, the first one holds."""

    tag = serializers.CharField(max_length=60)
    group = serializers.CharField(
        max_length=60, required=False, allow_blank=True, default="", help_text="The only people asked; empty: all."
    )
    priority = serializers.IntegerField(min_value=-2, max_value=2, required=False, default=0)


class QueueSerializer(serializers.Serializer[Project]):
    strategy = serializers.DictField(
        child=NumberField(min_value=0, max_value=1000),
        required=False,
        help_text=f"Order → parts of the claims; only their ratio counts. Orders: {', '.join(Order)}.",
    )
    informative_by = serializers.ChoiceField(choices=[one.value for one in Informative], required=False)
    control_share = share_field(required=False, help_text="Drawn and handed out by chance; from the next round on.")
    adaptive_most = serializers.IntegerField(
        required=False, allow_null=True, min_value=LOWEST_BOUND, max_value=HIGHEST_BOUND,
        help_text="While judgments leave it open, one more is wanted, up to this many; null: off.",
    )  # fmt: skip
    adaptive_certainty = NumberField(required=False, min_value=0.6, max_value=0.999)
    daily_quota = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=100_000, help_text="Judgments of a person in a day."
    )
    tag_rules = RuleSerializer(many=True, required=False)


class GroupOutput(serializers.Serializer[Any]):
    name = serializers.CharField()
    members = serializers.IntegerField()
    is_asked = serializers.BooleanField(help_text="Whether a rule hands comparisons to nobody else.")


class AuthorSerializer(serializers.Serializer[Any]):
    """Who wrote answers: a checkpoint by its number, or else an imported model by its name."""

    checkpoint = id_field(required=False, allow_null=True, default=None)
    name = serializers.CharField(required=False, allow_blank=True, default="", max_length=200)


class QueueOutput(QueueSerializer):
    groups = GroupOutput(many=True)
    authors = AuthorSerializer(many=True, help_text="Whose answers may meet.")


class MovedOutput(serializers.Serializer[Any]):
    changed = serializers.IntegerField(help_text="Comparisons that this changed.")


class HolderOutput(serializers.Serializer[Any]):
    username = serializers.CharField(source="rater.username")
    user = serializers.IntegerField(source="rater.pk")
    leases = serializers.IntegerField()
    since = serializers.DateTimeField(help_text="Since when the oldest one lasts.")
    until = serializers.DateTimeField(help_text="When the first one runs out.")


class DepthOutput(serializers.Serializer[Any]):
    judgments = serializers.IntegerField()
    share = EstimateOutput(help_text="Of the comparisons in play that have so many judgments.")


class ForecastOutput(serializers.Serializer[Any]):
    left = serializers.IntegerField(help_text="Judgments that are still wanted.")
    per_hour = EstimateOutput()
    seconds = EstimateOutput(help_text="To finish, at that pace.")


class QueueHealthOutput(serializers.Serializer[Any]):
    comparisons = serializers.IntegerField()
    wanted = serializers.IntegerField()
    answered = serializers.IntegerField()
    set_aside = serializers.IntegerField()
    held = serializers.IntegerField(help_text="Leases now; `is_many`: there are at least so many.")
    is_many = serializers.BooleanField()
    holders = HolderOutput(many=True)
    finished = EstimateOutput()
    depths = DepthOutput(many=True)
    forecast = ForecastOutput(allow_null=True, help_text="null: the round does not collect.")


class QueueApi(Operation):
    """The settings of the queue, the groups of the project, and whose answers may meet."""

    is_single = True

    @extend_schema_serializer(
        examples=[
            OpenApiExample("A mix", {"strategy": {"informative": 3, "random": 1}, "control_share": 0.1}),
            OpenApiExample("Doctors first", {"tag_rules": [{"tag": "medical", "group": "doctors", "priority": 2}]}),
        ]
    )
    class InputSerializer(QueueSerializer):
        pass

    @extend_schema(responses=QueueOutput)
    def get(self, request: Request, slug: str) -> Response:
        return Response(_told(access.reader(person(request), slug).project))

    @extend_schema(request=InputSerializer, responses=QueueOutput)
    def patch(self, request: Request, slug: str) -> Response:
        """Change settings; what is left out stays as it is. A worker places what is collected by new rules."""
        owner = access.owner(person(request), slug)
        wanted = fitting(self.InputSerializer, request)
        with transaction.atomic():
            project = project_locked(project=owner.project)
            version_must_match(request, _told(project))
            placing = queue_update(project=project, **wanted)
        if placing is not None:
            tasks.place_soon(placing.pk)
        return Response(_told(project))


class QueueWantedApi(Operation):
    """How many judgments each comparison of the collecting round gets; what is held or answered already stays."""

    class InputSerializer(serializers.Serializer[Any]):
        wanted = serializers.IntegerField(min_value=1, max_value=50)

    @extend_schema(request=InputSerializer, responses=MovedOutput)
    def post(self, request: Request, slug: str) -> Response:
        round = access.round_collecting(access.owner(person(request), slug))
        changed = comparisons_want(comparisons=round.comparisons.in_play(), **fitting(self.InputSerializer, request))
        return Response({"changed": changed})


class QueueFirstApi(Operation):
    """Put what compares two authors before, or behind, the rest of the collecting round."""

    @extend_schema_serializer(
        examples=[OpenApiExample("Two models", {"one": {"checkpoint": 3}, "other": {"name": "gpt-x"}, "priority": 2})]
    )
    class InputSerializer(serializers.Serializer[Any]):
        one = AuthorSerializer()
        other = AuthorSerializer()
        priority = serializers.IntegerField(min_value=-2, max_value=2)

    @extend_schema(request=InputSerializer, responses=MovedOutput)
    def post(self, request: Request, slug: str) -> Response:
        round = access.round_collecting(access.owner(person(request), slug))
        wanted = fitting(self.InputSerializer, request)
        one, other = (_author(round.project, wanted[name]) for name in ("one", "other"))
        changed = comparisons_prioritise(round=round, one=one, other=other, priority=wanted["priority"])
        return Response({"changed": changed})


class RoundQueueApi(Operation):
    """Where the queue of a round stands, who holds what, and when it will be done."""

    @extend_schema(responses=QueueHealthOutput)
    def get(self, request: Request, slug: str, number: int) -> Response:
        round = access.round_of(access.reader(person(request), slug), number)
        health = queue_health(round)
        depths = depths_of(round, health.comparisons)
        found = {
            **vars(health),
            "finished": depths.finished,
            "depths": depths.rows,
            "forecast": forecast_of(round) if round.is_collecting else None,
        }
        return Response(QueueHealthOutput(found).data)


def _author(project: Project, said: dict[str, Any]) -> Author:
    wanted = (said["checkpoint"], "" if said["checkpoint"] else said["name"])
    if wanted not in {author for author, _name in authors_of(project)}:
        raise InputInvalid(_("No answers of this author may meet here; the settings of the queue list them all."))
    return wanted


def _told(project: Project) -> dict[str, Any]:
    authors = [{"checkpoint": pk, "name": name} for (pk, _imported), name in authors_of(project)]
    settings = {name: getattr(project, name) for name in QueueSerializer().fields}
    said: dict[str, Any] = QueueOutput({**settings, "groups": groups_of(project), "authors": authors}).data
    return said
