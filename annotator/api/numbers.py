"""How judging goes, who does how much, and what more of it is worth."""

from __future__ import annotations

from datetime import date
from itertools import islice
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotator import access
from annotator.api.estimates import EstimateOutput, FigureOutput, around
from annotator.api.fields import HIGHEST
from annotator.api.operation import Operation, asked, person
from annotator.api.pages import PAGING, STRANGE, cursor_in, limit_of, page_of, page_shown
from annotator.domain.scopes import Scope
from annotator.exceptions import InputInvalid
from annotator.selectors.hours import Order, hours_by_day, raters_page
from annotator.selectors.pace import Span, throughput_of
from annotator.selectors.trend import By, trend_of
from annotator.selectors.worth import value_of
from annotator.services.assignments import assignments_release


class ThroughputStepOutput(serializers.Serializer[Any]):
    begins = serializers.DateTimeField()
    judgments = serializers.IntegerField()
    skips = serializers.IntegerField()
    raters = serializers.IntegerField()


class ThroughputOutput(serializers.Serializer[Any]):
    span = serializers.ChoiceField(choices=[one.value for one in Span])
    judgments = serializers.IntegerField()
    skips = serializers.IntegerField()
    raters = serializers.IntegerField(help_text="People in the whole span.")
    steps = ThroughputStepOutput(many=True, help_text="Hours, or days in UTC, oldest first; empty ones are left out.")


class TrendStepOutput(serializers.Serializer[Any]):
    begins = serializers.DateTimeField()
    judgments = serializers.IntegerField()
    agreement = EstimateOutput()


class TrendStepsOutput(serializers.Serializer[Any]):
    by = serializers.ChoiceField(choices=[one.value for one in By])
    judgments = serializers.IntegerField(help_text="That were looked at: the newest.")
    steps = TrendStepOutput(many=True)


class TrendOutput(FigureOutput):
    trend = TrendStepsOutput(allow_null=True, help_text="null: not found for the first time yet.")


class WorthOutput(serializers.Serializer[Any]):
    more = serializers.IntegerField(help_text="Judgments more.")
    gain = serializers.FloatField(allow_null=True, help_text="Accuracy that they would add; 0.01 is a point.")
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    points = serializers.IntegerField(help_text="Rounds that this is drawn from.")
    curve = serializers.ListField(
        child=serializers.ListField(child=serializers.FloatField()), help_text="(judgments, accuracy, low, high)."
    )
    reason = serializers.SerializerMethodField(help_text="Why nothing can be said, or empty.")

    def get_reason(self, worth: Any) -> str:
        return _(worth.reason) if worth.reason else ""


class BoughtOutput(serializers.Serializer[Any]):
    judgments = serializers.IntegerField()
    accuracy = EstimateOutput()
    checkpoint = serializers.IntegerField(source="checkpoint.pk")


class ValueOutput(serializers.Serializer[Any]):
    points = BoughtOutput(many=True, help_text="Reward models of past rounds, by the judgments they learnt from.")
    worth = WorthOutput()


class RaterOutput(serializers.Serializer[Any]):
    user = serializers.IntegerField(source="rater.pk")
    username = serializers.CharField(source="rater.username")
    judgments = serializers.IntegerField()
    skips = serializers.IntegerField()
    seconds = serializers.FloatField(help_text="Of work, each judgment at most ten minutes.")
    pace = EstimateOutput()
    left = EstimateOutput()
    agrees = EstimateOutput()
    last_judged_at = serializers.DateTimeField(source="last", allow_null=True)


class HoursOutput(serializers.Serializer[Any]):
    username = serializers.CharField()
    day = serializers.DateField(help_text="In UTC.")
    judgments = serializers.IntegerField()
    skips = serializers.IntegerField()
    seconds = serializers.FloatField(help_text="Of work.")


class ReleasedOutput(serializers.Serializer[Any]):
    released = serializers.IntegerField(help_text="Comparisons that went back to the queue.")


class ThroughputApi(Operation):
    """Judgments, skips and people, hour by hour or day by day."""

    class FilterSerializer(serializers.Serializer[Any]):
        span = serializers.ChoiceField(choices=[one.value for one in Span], required=False, default=Span.WEEK.value)

    @extend_schema(parameters=[FilterSerializer], responses=ThroughputOutput)
    def get(self, request: Request, slug: str) -> Response:
        project = access.reader(person(request), slug).project
        span = Span(asked(self.FilterSerializer, request)["span"])
        return Response(ThroughputOutput(throughput_of(project, span)).data)


class TrendApi(Operation):
    """Whether raters come to agree more, or less."""

    class FilterSerializer(serializers.Serializer[Any]):
        by = serializers.ChoiceField(choices=[one.value for one in By], required=False, default=By.DAY.value)

    @extend_schema(parameters=[FilterSerializer], responses=TrendOutput)
    def get(self, request: Request, slug: str) -> Response:
        project = access.reader(person(request), slug).project
        by = By(asked(self.FilterSerializer, request)["by"])
        return Response(TrendOutput({"trend": trend_of(project, by), **around(project, f"trend-{by}")}).data)


class ValueApi(Operation):
    """What judgments bought so far, and what another thousand would add."""

    @extend_schema(responses=ValueOutput)
    def get(self, request: Request, slug: str) -> Response:
        return Response(ValueOutput(value_of(access.reader(person(request), slug).project)).data)


class RaterListApi(Operation):
    """What each person did; each order goes from most to least, names by the alphabet."""

    class FilterSerializer(serializers.Serializer[Any]):
        by = serializers.ChoiceField(
            choices=[one.value for one in Order], required=False, default=Order.JUDGMENTS.value
        )

    @extend_schema(parameters=[FilterSerializer, *PAGING], responses=page_of(RaterOutput))
    def get(self, request: Request, slug: str) -> Response:
        project = access.reader(person(request), slug).project
        order = Order(asked(self.FilterSerializer, request)["by"])
        page = raters_page(project, order, after=cursor_in(request, int), most=limit_of(request))
        return page_shown(request, RaterOutput(page.rows, many=True).data, page.after)


class HoursListApi(Operation):
    """Hours of work by person and day, both days included, for pay. For owners."""

    reads = Scope.EXPORT

    class FilterSerializer(serializers.Serializer[Any]):
        first = serializers.DateField()
        last = serializers.DateField()

    @extend_schema(parameters=[FilterSerializer, *PAGING], responses=page_of(HoursOutput))
    def get(self, request: Request, slug: str) -> Response:
        project = access.owner(person(request), slug).project
        said, limit, behind = asked(self.FilterSerializer, request), limit_of(request), _behind(request)
        if said["last"] < said["first"]:
            raise InputInvalid(_("The last day is not before the first one."))
        rows = list(islice(hours_by_day(project, said["first"], said["last"], behind=behind), limit + 1))
        names = ("username", "day", "judgments", "skips", "seconds")
        results = HoursOutput([dict(zip(names, row, strict=True)) for row in rows[:limit]], many=True).data
        end = f"{rows[limit - 1][1]} {rows[limit - 1][0]}" if len(rows) > limit else None
        return page_shown(request, results, end)


def _behind(request: Request) -> tuple[str, date] | None:
    """Behind which day of whom the page begins: a day, a space, a name."""
    word = cursor_in(request, str)
    if word is None:
        return None
    try:
        return word[11:], date.fromisoformat(word[:10])
    except ValueError:
        raise InputInvalid(_(STRANGE)) from None


class RaterReleaseApi(Operation):
    """Give back to the queue all that this person holds."""

    @extend_schema(request=None, responses=ReleasedOutput)
    def post(self, request: Request, slug: str, user_id: int) -> Response:
        member = access.owner(person(request), slug)
        rater = access.asked_of(member, min(user_id, HIGHEST))
        return Response({"released": assignments_release(rater=rater, project=member.project)})
