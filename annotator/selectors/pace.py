"""How fast judgments come in, from the sums of hours, and how long the rest will take."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from annotator.domain.clusters import ratio_of
from annotator.models import Project, RaterHour, Round, RoundTally
from annotator.selectors.kept import FINDINGS, MANY, SOON
from annotator.selectors.quality import Estimate

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MOST = 400  # steps of a drawing: four hundred days, the newest
PRESENT = 24  # whole hours that make the present pace


class Span(StrEnum):
    """What time is looked at. Up to a week it goes by hours, beyond it by days."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    ALL = "all"

    @property
    def length(self) -> timedelta:
        return {Span.DAY: DAY, Span.WEEK: 7 * DAY, Span.MONTH: 30 * DAY, Span.ALL: MOST * DAY}[self]

    @property
    def step(self) -> timedelta:
        return HOUR if self in (Span.DAY, Span.WEEK) else DAY


@dataclass(frozen=True)
class Step:
    """An hour, or a day in UTC: what was judged and skipped, and how many people did."""

    begins: datetime
    judgments: int
    skips: int
    raters: int


@dataclass(frozen=True)
class Throughput:
    """Oldest step first, without those in which nothing happened.

    raters  people in the whole span
    """

    span: Span
    steps: list[Step]
    judgments: int
    skips: int
    raters: int

    @property
    def is_empty(self) -> bool:
        return not self.steps

    @property
    def newest_first(self) -> list[Step]:
        return self.steps[::-1]


@dataclass(frozen=True)
class Forecast:
    """What is left to judge, how fast it goes, and the seconds that it takes at that pace, where it can be said."""

    left: int
    per_hour: Estimate
    seconds: Estimate


def throughput_of(project: Project, span: Span, *, now: datetime | None = None) -> Throughput:
    """From the sums that are kept per person, round and hour: the rows read are hours of people, not judgments."""
    since = _floor((now or timezone.now()) - span.length, span.step)
    name = f"throughput-{project.pk}-{span}-{since.isoformat()}"
    kept: Throughput | None = FINDINGS.get(name)
    if kept is not None:
        return kept
    rounds = list(project.rounds.values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(STEPS.format(begins=BEGINS[span.step]), [rounds, since])
        steps = [Step(*row) for row in cursor.fetchall()]
        cursor.execute(PEOPLE, [rounds, since])
        hours, raters = cursor.fetchone()
    judgments, skips = sum(step.judgments for step in steps), sum(step.skips for step in steps)
    found = Throughput(span, steps, judgments, skips, raters)
    if hours >= MANY:
        FINDINGS.put(name, found, seconds=SOON)
    return found


# Hours begin where they are kept; of days, the beginning is worked out.
BEGINS = {HOUR: "hour", DAY: "date_trunc('day', hour, 'UTC')"}
# People may work for several rounds in an hour, so they are told apart before they are counted.
STEPS = """
SELECT begins, sum(answered)::bigint, sum(skipped)::bigint, count(*) FROM (
    SELECT {begins} AS begins, rater_id, sum(answered) AS answered, sum(skipped) AS skipped
      FROM annotator_raterhour WHERE round_id = ANY(%s) AND hour >= %s GROUP BY 1, 2
) worked GROUP BY begins HAVING sum(answered) > 0 OR sum(skipped) > 0 ORDER BY begins
"""
PEOPLE = """
SELECT coalesce(sum(hours), 0)::bigint, count(*) FROM (
    SELECT rater_id, count(*) AS hours FROM annotator_raterhour WHERE round_id = ANY(%s) AND hour >= %s GROUP BY 1
) people
"""


def forecast_of(round: Round, *, now: datetime | None = None) -> Forecast:
    """At the pace of the last 24 whole hours, night and pauses included."""
    sums = RoundTally.objects.filter(round=round).sums()
    left = max(sums["wanted"] - sums["answered"], 0)
    end = _floor(now or timezone.now(), HOUR)
    begin = max(end - PRESENT * HOUR, _floor(round.opened_at or round.created_at, HOUR))
    hours = int((end - begin) / HOUR)
    per_hour = _per_hour(round, begin, end, hours)
    return Forecast(left, per_hour, _rest(left, per_hour, hours))


def _per_hour(round: Round, begin: datetime, end: datetime, hours: int) -> Estimate:
    title, definition = (
        _("Judgments per hour"),
        _("Mean over the last 24 whole hours, or since the round opened; hours without judgments count."),
    )
    judged = dict.fromkeys((begin + number * HOUR for number in range(hours)), 0)
    with connection.cursor() as cursor:
        cursor.execute(PER_HOUR, [round.pk, begin, end])
        judged |= {hour: answered for hour, answered in cursor.fetchall() if hour in judged}
    found = ratio_of(np.array(list(judged.values()), np.float64), np.ones(hours))
    if found.value is None:
        reason = _("The round has not been open for a whole hour yet.")
        return Estimate(title, definition, "number", None, None, None, 0, _("hours"), reason)
    low = None if found.low is None else max(found.low, 0.0)
    return Estimate(title, definition, "number", found.value, low, found.high, found.n, _("hours"), _(found.reason))


PER_HOUR = """
SELECT hour, sum(answered)::int FROM annotator_raterhour
 WHERE round_id = %s AND hour >= %s AND hour < %s GROUP BY hour
"""


def _rest(left: int, per_hour: Estimate, hours: int) -> Estimate:
    """The reciprocal of the pace, of its interval too; without end where the pace may be nothing."""
    title, definition = (
        _("Time to finish"),
        _("What is left to judge at the pace of the last 24 whole hours. The next day may be another one."),
    )
    unit = _("hours")
    if not left:
        reason = _("Nothing is left to judge.")
        return Estimate(title, definition, "seconds", None, None, None, hours, unit, reason)
    if not per_hour.value:
        nobody = per_hour.reason or _("Nobody judged in the last 24 whole hours.")
        return Estimate(title, definition, "seconds", None, None, None, hours, unit, nobody)
    low, high = (3600 * left / pace if pace else None for pace in (per_hour.high, per_hour.low))
    if high is None and not per_hour.reason:
        reason = _("Hours differ too much to say how long it may take at most.")
        return Estimate(title, definition, "seconds", 3600 * left / per_hour.value, low, None, hours, unit, reason)
    return Estimate(title, definition, "seconds", 3600 * left / per_hour.value, low, high, hours, unit, per_hour.reason)


def raters_lately(project: Project, *, now: datetime | None = None) -> int:
    """People who judged in the last seven days; of many, found anew once a minute at most."""
    since = (now or timezone.now()) - 7 * DAY
    kept: int | None = FINDINGS.get(f"lately-{project.pk}")
    if kept is not None:
        return kept
    hours = RaterHour.objects.filter(round__in=project.rounds.all(), hour__gte=since, answered__gt=0)
    found = hours.order_by().values("rater").distinct().count()
    if found >= MANY:
        FINDINGS.put(f"lately-{project.pk}", found, seconds=SOON)
    return found


def _floor(moment: datetime, step: timedelta) -> datetime:
    whole = moment.replace(minute=0, second=0, microsecond=0)
    return whole if step == HOUR else whole.replace(hour=0)
