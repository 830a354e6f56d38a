"""Hidden checks: how often raters are checked, with what consequence, and what was found."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotator import access
from annotator.api.estimates import EstimateOutput
from annotator.api.fields import NumberField, share_field
from annotator.api.operation import Operation, fitting, person, version_must_match
from annotator.api.pages import PAGING, page_of, paged_list
from annotator.domain.scopes import Scope
from annotator.models import Project
from annotator.selectors.checks import gold_missed, pausing_of, raters_checked, rules_of
from annotator.services.checks import check_rules_set, pausing_go_on
from annotator.services.projects import project_locked


class CheckRulesSerializer(serializers.Serializer[Any]):
    """Shares are of the pairs that a rater gets, together at most one half. null as a bound: it pauses nobody."""

    gold = share_field(required=False, help_text="Share that is gold of the use “check”.")
    repeat = share_field(required=False, help_text="Share that the rater judged before, on the same sides.")
    swap = share_field(required=False, help_text="Share that the rater judged before, on the other sides.")
    min_seconds = NumberField(
        required=False, min_value=0, max_value=3600, help_text="A judgment in less time is too fast; 0: none is."
    )
    gold_least = share_field(required=False, allow_null=True, help_text="Pauses whose gold is right less often.")
    gold_after = serializers.IntegerField(required=False, min_value=1, max_value=10_000)
    consistency_least = share_field(required=False, allow_null=True, help_text="Pauses who repeats themselves less.")
    consistency_after = serializers.IntegerField(required=False, min_value=1, max_value=10_000)
    fast_most = share_field(required=False, allow_null=True, help_text="Pauses whose judgments are too fast.")
    fast_after = serializers.IntegerField(required=False, min_value=1, max_value=10_000)


class PausingOutput(serializers.Serializer[Any]):
    """Whether raters are paused by themselves: it stops when too many were within a day, until an owner has looked."""

    stopped_at = serializers.DateTimeField(allow_null=True)
    paused = serializers.IntegerField(help_text="Within a day, of the active ones.")
    active = serializers.IntegerField(help_text="Raters who judged within a week.")


class ChecksOutput(serializers.Serializer[Any]):
    rules = CheckRulesSerializer()
    pausing = PausingOutput()


class CheckedOutput(serializers.Serializer[Any]):
    """A rater as the checks found them, since they were last resumed."""

    member = serializers.IntegerField(source="member.pk")
    username = serializers.CharField(source="member.user.username")
    paused_at = serializers.DateTimeField(source="member.paused_at", allow_null=True)
    excluded_at = serializers.DateTimeField(source="member.excluded_at", allow_null=True)
    gold = EstimateOutput(source="checked.gold")
    consistency = EstimateOutput(source="checked.consistency")
    swapped = EstimateOutput(source="checked.swapped")
    fast = EstimateOutput(source="checked.fast")


class GoldMissedOutput(serializers.Serializer[Any]):
    """How raters answered a hidden check. Many misses say something about the gold as well."""

    gold = serializers.IntegerField(source="gold.pk")
    right = EstimateOutput()
    flags = serializers.IntegerField()


class ChecksApi(Operation):
    """How the project checks its raters."""

    is_single = True

    class InputSerializer(CheckRulesSerializer):
        pass

    @extend_schema(responses=ChecksOutput)
    def get(self, request: Request, slug: str) -> Response:
        return Response(_told(access.reader(person(request), slug).project))

    @extend_schema(request=InputSerializer, responses=ChecksOutput)
    def patch(self, request: Request, slug: str) -> Response:
        """Change rules, from the next pair on; what is left out stays as it is."""
        owner = access.owner(person(request), slug)
        wanted = fitting(self.InputSerializer, request)
        with transaction.atomic():
            project = project_locked(project=owner.project)
            version_must_match(request, _told(project))
            check_rules_set(project=project, rules={**asdict(rules_of(project)), **wanted})
        return Response(_told(project))


class ChecksPausingApi(Operation):
    """You have looked at why so many were paused: pause raters by themselves again."""

    writes = Scope.PEOPLE

    @extend_schema(request=None, responses=ChecksOutput)
    def post(self, request: Request, slug: str) -> Response:
        project = access.owner(person(request), slug).project
        pausing_go_on(project=project)
        return Response(_told(project))


class CheckedListApi(Operation):
    """Who was checked, is paused or is excluded: who is stopped first, then by name."""

    @extend_schema(parameters=PAGING, responses=page_of(CheckedOutput))
    def get(self, request: Request, slug: str) -> Response:
        project = access.reader(person(request), slug).project
        rows = raters_checked(project, rules_of(project))
        return paged_list(request, rows, CheckedOutput, key=lambda row: row.member.pk)


class GoldMissedListApi(Operation):
    """Hidden checks that are in use, the most often missed first."""

    @extend_schema(parameters=PAGING, responses=page_of(GoldMissedOutput))
    def get(self, request: Request, slug: str) -> Response:
        rows = gold_missed(access.reader(person(request), slug).project)
        return paged_list(request, rows, GoldMissedOutput, key=lambda row: row.gold.pk)


def _told(project: Project) -> dict[str, Any]:
    found = {"rules": asdict(rules_of(project)), "pausing": pausing_of(project)}
    said: dict[str, Any] = ChecksOutput(found).data
    return said
