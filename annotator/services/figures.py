"""What pages show of big projects is found by the clock's worker, and kept for all processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from annotator.domain.lifecycles import RoundState
from annotator.models import Figure, Project, Round
from annotator.selectors.agreement import agreement_tables
from annotator.selectors.figures import Scope, Seen, code, figure_packed, is_big, seen_of_all
from annotator.selectors.hours import company_of_raters
from annotator.selectors.leaderboard import LEADERBOARD, Wish, leaderboard_of
from annotator.selectors.quality import quality_of
from annotator.selectors.trend import By, trend_of
from annotator.selectors.votes import authors_counted

Find = Callable[[Any, dict[str, Any]], Any]
OF_ROUND: dict[str, Find] = {
    "quality": lambda scope, _wish: quality_of(scope, anew=True),
    "agreement": lambda scope, _wish: agreement_tables(scope, anew=True),
}
OF_PROJECT: dict[str, Find] = {
    **OF_ROUND,
    "authors": lambda project, _wish: authors_counted(project, anew=True),
    LEADERBOARD: lambda project, wish: leaderboard_of(project, Wish.of(wish), anew=True),
    "company": lambda project, _wish: company_of_raters(project, anew=True),
    f"trend-{By.DAY}": lambda project, _wish: trend_of(project, By.DAY, anew=True),
    f"trend-{By.NUMBER}": lambda project, _wish: trend_of(project, By.NUMBER, anew=True),
}

SOONEST = timedelta(minutes=1)  # between two findings of the same; where they take long, EASE decides
EASE = 20  # all findings together take at most one part in so many of a worker's time
LATEST = timedelta(hours=1)  # then it is found anew in any case: a correction may show in no sum
CLAIMED = timedelta(minutes=10)  # a worker that says nothing for so long is gone
ASKED_SHORTLY, ASKED_ONCE = timedelta(hours=1), timedelta(days=1)  # refreshed so long; then kept so long
ASKED_AGAIN = timedelta(minutes=10)  # a second look within this writes nothing
MOST_ASKED = 20  # wishes that are kept for one project


def figure_ask(*, project: Project, name: str, wish: dict[str, Any]) -> bool:
    """Have the worker make this finding and keep it fresh for a while; return whether it was not asked for just now.

    Does nothing for small projects, whose pages find everything themselves, and for what is kept in any case. Of more
    than MOST_ASKED wishes, the one that nobody asked for the longest is forgotten.
    """
    if not wish or not is_big(project):
        return False
    now = timezone.now()
    row, is_new = Figure.objects.get_or_create(
        project=project, round=None, name=name, wish=wish, defaults={"asked_at": now}
    )
    if is_new:
        asked = Figure.objects.filter(project=project, asked_at__isnull=False).order_by("-asked_at", "-pk")
        Figure.objects.filter(pk__in=[one.pk for one in asked.only("pk")[MOST_ASKED:]]).delete()
        return True
    return Figure.objects.filter(pk=row.pk, asked_at__lt=now - ASKED_AGAIN).update(asked_at=now) == 1


def figures_refresh(*, seconds: float = 20.0) -> int:
    """Make the findings that are missing or out of date, the longest missing first; return how many.

    None is begun after so many seconds: the next tick goes on. Each is claimed, so that two workers make two.
    """
    began, made, seen = time.monotonic(), 0, seen_of_all()
    _ensure(seen)
    Figure.objects.filter(asked_at__lt=timezone.now() - ASKED_ONCE).delete()
    for figure, sums in _due(seen):
        if time.monotonic() - began > seconds:
            break
        made += _make(figure, sums)
    return made


def _ensure(scopes: Iterable[Scope]) -> None:
    """A row for each finding that is kept in any case."""
    known = set(Figure.objects.filter(asked_at=None).values_list("project", "round", "name"))
    wanted = [
        (scope.project_id, scope.pk, name) if isinstance(scope, Round) else (scope.pk, None, name)
        for scope in scopes
        for name in (OF_ROUND if isinstance(scope, Round) else OF_PROJECT)
    ]
    missing = [Figure(project_id=one[0], round_id=one[1], name=one[2]) for one in wanted if one not in known]
    Figure.objects.bulk_create(missing, ignore_conflicts=True)


def _due(seen: Mapping[Scope, Seen]) -> Iterator[tuple[Figure, dict[str, Any]]]:
    """What is to be made now, with the sums of this moment."""
    now = timezone.now()
    kept = Figure.objects.filter(Q(asked_at=None) | Q(asked_at__gte=now - ASKED_SHORTLY)).defer("found")
    behind = []
    for figure in kept.select_related("project", "round__project"):
        sums = seen.get(figure.round or figure.project)
        if sums is not None and _is_behind(figure, asdict(sums), now):
            behind.append((figure, asdict(sums)))
    pause = max(SOONEST, timedelta(seconds=EASE * sum(figure.seconds for figure, _sums in behind)))
    for figure, now_seen in sorted(behind, key=lambda one: (one[0].found_at or NEVER, one[0].pk)):
        is_new = figure.found_at is None or figure.code != code()
        if is_new or figure.seen["excluded"] != now_seen["excluded"] or (figure.found_at or NEVER) < now - pause:
            yield figure, now_seen


NEVER = datetime.min.replace(tzinfo=UTC)


def _is_behind(figure: Figure, seen: dict[str, Any], now: datetime) -> bool:
    if figure.found_at is None or figure.code != code() or figure.seen != seen:
        return True
    # What was frozen changes no more; of a project, some round may still collect.
    is_at_rest = figure.round is not None and figure.round.state != RoundState.COLLECTING
    return not is_at_rest and figure.found_at < now - LATEST


def _make(figure: Figure, seen: dict[str, Any]) -> bool:
    """Make one finding, unless another worker is at it."""
    now, began = timezone.now(), time.monotonic()
    mine = Figure.objects.filter(Q(claimed_at=None) | Q(claimed_at__lt=now - CLAIMED), pk=figure.pk)
    if mine.filter(found_at=figure.found_at).update(claimed_at=now) != 1:
        return False
    names = OF_PROJECT if figure.round is None else OF_ROUND
    if figure.name not in names:  # of a version that knew more
        Figure.objects.filter(pk=figure.pk).delete()
        return False
    # What fails here stands in the log of the worker; the claim keeps it from failing at every tick.
    found = figure_packed(names[figure.name](figure.round or figure.project, figure.wish))
    Figure.objects.filter(pk=figure.pk).update(
        found=found, code=code(), seen=seen, seconds=time.monotonic() - began, found_at=now, claimed_at=None
    )
    return True
