"""What each person did for a project, from the sums of their hours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import OuterRef, Q, Subquery, Sum
from django.db.models.functions import TruncDay
from django.utils.translation import gettext_lazy as _

from annotator.domain.clusters import ratio_of, share_of_clusters
from annotator.domain.lifecycles import AssignmentState
from annotator.domain.verdicts import Outcome
from annotator.models import Assignment, Project, RaterHour, User
from annotator.selectors.company import company_of
from annotator.selectors.exclusion import excluded_of
from annotator.selectors.kept import FINDINGS, MANY, SOON
from annotator.selectors.quality import Estimate, left_share_of
from annotator.selectors.window import Judged, found_in

PAGE = 50


class Order(StrEnum):
    """What the table is sorted by; each column but the name goes from most to least."""

    JUDGMENTS = "judgments"
    SKIPS = "skips"
    SECONDS = "seconds"
    PACE = "pace"
    LEFT = "left"
    LAST = "last"
    NAME = "name"


@dataclass(frozen=True)
class RaterRow:
    """seconds  of work, each judgment at most ten minutes
    pace     mean seconds per judgment; hours are what varies
    agrees   among the newest judgments of the project
    last     when they judged last
    """

    rater: User
    judgments: int
    skips: int
    seconds: float
    pace: Estimate
    left: Estimate
    agrees: Estimate
    last: datetime | None


@dataclass(frozen=True)
class RaterPage:
    """after: the rater behind whom the next page begins, None on the last one."""

    order: Order
    rows: list[RaterRow]
    after: int | None


# What each order sorts by, over a rater's hours. Without a value, somebody comes last.
SORTED = {
    Order.JUDGMENTS: "sum(answered)",
    Order.SKIPS: "sum(skipped)",
    Order.SECONDS: "round(sum(seconds))",
    Order.PACE: "sum(seconds) / nullif(sum(answered), 0)",
    Order.LEFT: 'sum("left")::float8 / nullif(sum(decided), 0)',
    Order.LAST: "max(hour)",
}
IN_ORDER = """
SELECT rater_id FROM annotator_raterhour WHERE round_id = ANY(%s)
 GROUP BY rater_id ORDER BY {value} DESC NULLS LAST, rater_id DESC
"""
BY_NAME = """
SELECT id FROM annotator_user WHERE id IN (SELECT rater_id FROM annotator_raterhour WHERE round_id = ANY(%s))
 ORDER BY username
"""


def raters_page(project: Project, order: Order, *, after: int | None = None, most: int = PAGE) -> RaterPage:
    """People who judged or skipped, so many at a time. Pages are cut behind a rater, so none is farther than the first.

    An `after` who did neither counts as left out.
    """
    ranked = _ranked(project, order)
    begin = ranked.index(after) + 1 if after in ranked else 0
    shown = ranked[begin : begin + most]
    return RaterPage(order, _rows(project, shown), shown[-1] if begin + most < len(ranked) else None)


def _ranked(project: Project, order: Order) -> list[int]:
    """Everybody by the order. Of many people it is kept for a while, so that pages that are turned fit together."""
    name = f"ranked-{project.pk}-{order}"
    found: list[int] | None = FINDINGS.get(name)
    if found is None:
        rounds = list(project.rounds.values_list("pk", flat=True))
        with connection.cursor() as cursor:
            cursor.execute(BY_NAME if order == Order.NAME else IN_ORDER.format(value=SORTED[order]), [rounds])
            found = [rater for (rater,) in cursor.fetchall()]
        if len(found) >= MANY:
            FINDINGS.put(name, found, seconds=SOON)
    return found


def _rows(project: Project, raters: list[int]) -> list[RaterRow]:
    newest = Assignment.objects.filter(
        rater=OuterRef("pk"), state=AssignmentState.ANSWERED, comparison__round__project=project
    ).order_by("-ended_at")
    people = User.objects.annotate(last=Subquery(newest.values("ended_at")[:1])).in_bulk(raters)
    hours: dict[int, list[tuple[Any, ...]]] = {rater: [] for rater in raters}
    of_project = RaterHour.objects.filter(round__in=project.rounds.all(), rater__in=raters)
    for rater, *sums in of_project.values_list("rater_id", "answered", "skipped", "decided", "left", "seconds"):
        hours[rater].append(tuple(sums))
    rater_N, same_N, others_N = company_of_raters(project) or (NOBODY, NOBODY, NOBODY)
    return [
        _row(people[rater], np.array(hours[rater], np.float64), same_N[rater_N == rater], others_N[rater_N == rater])
        for rater in raters
    ]


def _row(rater: Any, hour_HS: np.ndarray, same_N: np.ndarray, others_N: np.ndarray) -> RaterRow:
    answered_H, skipped_H, decided_H, left_H, seconds_H = hour_HS.T
    return RaterRow(
        rater=rater,
        judgments=int(answered_H.sum()),
        skips=int(skipped_H.sum()),
        seconds=float(seconds_H.sum()),
        pace=_pace(seconds_H, answered_H),
        left=left_share_of(int(left_H.sum()), int(decided_H.sum())),
        agrees=_agrees(same_N, others_N),
        last=rater.last,
    )


def _pace(seconds_H: np.ndarray, answered_H: np.ndarray) -> Estimate:
    """Hours without a judgment left have no share in the mean."""
    found = ratio_of(np.where(answered_H > 0, seconds_H, 0), np.maximum(answered_H, 0))
    low = None if found.low is None else max(found.low, 0.0)
    title, definition = _("Seconds per judgment"), _("Mean, each judgment at most ten minutes; hours are what varies.")
    return Estimate(
        title, definition, "seconds", found.value, low, found.high, int(answered_H.sum()), "", _(found.reason)
    )


def _agrees(same_N: np.ndarray, others_N: np.ndarray) -> Estimate:
    """A rater judges a comparison once, so each of their judgments is a cluster of its own."""
    found = share_of_clusters(same_N, others_N)
    title = _("Agrees with others")
    definition = _("Share of other people’s judgments on the same comparisons that said the same.")
    if found.value is None:
        reason = _("Shares no comparison with others among the newest judgments.")
        return Estimate(title, definition, "share", None, None, None, 0, "", reason)
    return Estimate(title, definition, "share", found.value, found.low, found.high, found.n, _("comparisons"))


# --- agreement with others ---------------------------------------------------------


NOBODY = np.zeros(0, np.int64)


def company_of_raters(project: Project, *, anew: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Of the newest judgments: who gave each, how many others said the same, and how many others there are.

    None where the worker has not found it yet.
    """

    def find(newest: list[Judged]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rows = [row for row in newest if row.outcome != Outcome.CANNOT_JUDGE]
        same_N, others_N = company_of(rows, excluded_of(project))
        return np.array([row.rater for row in rows], np.int64), same_N, others_N

    return found_in(project, "company", find, anew=anew)


# --- hours for pay -----------------------------------------------------------------


def hours_by_day(
    project: Project, first: date, last: date, *, behind: tuple[str, date] | None = None
) -> Iterator[tuple[str, date, int, int, float]]:
    """(username, day in UTC, judgments, skips, seconds of work), both days included; read as it is sent.

    behind  only what follows this day of this person
    """
    hours = RaterHour.objects.filter(round__in=project.rounds.all(), hour__date__gte=first, hour__date__lte=last)
    if behind is not None:
        name, day_before = behind
        hours = hours.filter(Q(rater__username__gt=name) | Q(rater__username=name, hour__date__gt=day_before))
    rows = (
        hours.annotate(day=TruncDay("hour"))
        .values("rater__username", "day")
        .annotate(judgments=Sum("answered"), skips=Sum("skipped"), worked=Sum("seconds"))
        .order_by("rater__username", "day")
        .values_list("rater__username", "day", "judgments", "skips", "worked")
    )
    for username, day, judgments, skips, seconds in rows.iterator(chunk_size=2000):
        yield username, day.date(), judgments, skips, seconds
