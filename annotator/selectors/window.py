"""The newest judgments of a project, or of a round, without looking at all the others.

No index leads from a project to its newest judgments. It is known in which stretches of ids there are some; these are
looked through in ever wider ranges, newest first, and what is found is kept. Judgments are append-only and a
correction names what it supersedes: afterwards only what came since is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, TypeVar, cast

from django.db.models import Max, QuerySet
from django.utils import timezone

from annotator.models import Judgment, Project, Round, Stretch
from annotator.selectors.exclusion import excluded_of
from annotator.selectors.figures import figure_found, is_big, judgments_number
from annotator.selectors.kept import FINDINGS, Shelf
from annotator.selectors.votes import KEPT, SETTLED

NEWEST = 20_000  # judgments that are looked at; the pages say n, and more would change no digit that they show

WINDOWS = Shelf(room=8)  # each holds some megabytes


Found = TypeVar("Found")


class Judged(NamedTuple):
    """One judgment and how it was shown; `comparison` and `rater` are ids."""

    pk: int
    supersedes: int | None
    comparison: int
    rater: int
    outcome: str
    value: float | None
    seconds: float
    first_on_left: bool
    created_at: datetime
    criteria: dict[str, dict[str, object]]

    @property
    def side(self) -> str:
        if not self.value:
            return "equal"
        return "first" if self.value < 0 else "second"

    @property
    def went_left(self) -> bool:
        return (self.side == "first") == self.first_on_left


COLUMNS = (
    "pk", "supersedes_id", "assignment__comparison_id", "assignment__rater_id", "outcome", "value", "seconds",
    "assignment__first_on_left", "created_at", "criteria",
)  # fmt: skip


@dataclass(frozen=True)
class _Mark:
    """What is kept: up to which id it was looked, the newest id among what was found, and when it was begun."""

    begun: datetime
    upto: int
    newest: int


@dataclass(frozen=True)
class _Finding:
    """Up to which judgment, and without whom."""

    newest: int
    excluded: frozenset[int]
    value: Any


def judgments_newest(scope: Project | Round, *, now: datetime | None = None) -> list[Judged]:
    """At most NEWEST of those that count now, oldest first."""
    now = now or timezone.now()
    mark, rows = _kept(scope)
    newest = Judgment.objects.filter(created_at__lt=now - SETTLED).order_by("-pk").values_list("pk", flat=True)
    settled = newest.first() or 0
    if mark is None or mark.begun < now - KEPT:
        mark, rows = _keep(scope, now, settled, _all(scope, settled))
    elif settled > mark.upto:
        mark, rows = _keep(scope, mark.begun, settled, _current([*rows, *_between(scope, mark.upto, settled)]))
    newest_of_all = Judgment.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    return _current([*rows, *_between(scope, mark.upto, newest_of_all)])


def judgment_newest(scope: Project | Round) -> int:
    """The id of the newest one, 0 before the first: it names what `judgments_newest` returns."""
    mark, _rows = _kept(scope)
    if mark is None:
        rows = judgments_newest(scope)
        return rows[-1].pk if rows else 0
    since = _judgments(scope).filter(pk__gt=mark.upto).aggregate(newest=Max("pk"))["newest"]
    return since or mark.newest


def found_in(
    scope: Project | Round, what: str, find: Callable[[list[Judged]], Found], *, anew: bool = False
) -> Found | None:
    """What `find` says of the newest judgments of those who are not excluded, kept until there are others.

    In a big project it is what the worker found last, None before the first time; `anew` is for the worker.
    """
    if not anew and is_big(scope):
        return cast(Found | None, figure_found(scope, what))
    excluded = excluded_of(scope.project if isinstance(scope, Round) else scope)
    if anew:
        return find(_without(excluded, judgments_newest(scope)))
    name, newest = f"{what}-{_name(scope)}", judgment_newest(scope)
    kept: _Finding | None = FINDINGS.get(name)
    if kept and (kept.newest, kept.excluded) == (newest, excluded):
        return cast(Found, kept.value)
    value = find(_without(excluded, judgments_newest(scope)))
    FINDINGS.put(name, _Finding(newest, excluded, value), seconds=KEPT.total_seconds())
    return value


def _without(excluded: frozenset[int], rows: list[Judged]) -> list[Judged]:
    return [row for row in rows if row.rater not in excluded] if excluded else rows


# --- what is kept ----------------------------------------------------------------


def _kept(scope: Project | Round) -> tuple[_Mark | None, list[Judged]]:
    found: tuple[_Mark, list[Judged]] | None = WINDOWS.get(_name(scope))
    return found or (None, [])


def _keep(scope: Project | Round, begun: datetime, upto: int, rows: list[Judged]) -> tuple[_Mark, list[Judged]]:
    mark = _Mark(begun, upto, rows[-1].pk if rows else 0)
    WINDOWS.put(_name(scope), (mark, rows), seconds=KEPT.total_seconds())
    return mark, rows


def _name(scope: Project | Round) -> str:
    return f"{scope._meta.model_name}-{scope.pk}"


# --- what is read ----------------------------------------------------------------


def _all(scope: Project | Round, upto: int) -> list[Judged]:
    """The newest up to an id. Where there are few, all of them: a search for more would end at the first judgment."""
    if judgments_number(scope) <= NEWEST:
        return _current(_read(_judgments(scope).filter(pk__lte=upto)))
    return _current(_between(scope, 0, upto))


def _between(scope: Project | Round, low: int, high: int) -> list[Judged]:
    """The newest whose ids are above `low` and not above `high`, with what these supersede: enough for NEWEST."""
    rows: list[Judged] = []
    for begin, end in _stretches(scope, low, high):
        width = 2 * NEWEST
        while end > begin:
            if len(_current(rows)) == NEWEST:
                return rows
            middle = max(end - width, begin)
            found = _read(_judgments(scope).filter(pk__gt=middle, pk__lte=end), most=NEWEST)
            rows = [*found, *rows]  # all of them: one that is superseded may supersede what comes next
            if len(found) == NEWEST:  # a wide range may hold a whole project, and the rest of it is not wanted yet
                end = found[0].pk - 1
            else:
                end, width = middle, 2 * width
    return rows


def _stretches(scope: Project | Round, low: int, high: int) -> Iterator[tuple[int, int]]:
    """Where between `low` and `high` there are judgments of the scope, as the last id before them and the last of them.

    Newest first. What only others have between them is left out, and may be millions.
    """
    rounds = scope.rounds.all() if isinstance(scope, Project) else [scope]
    known = Stretch.objects.filter(round__in=rounds, number__gte=low // Stretch.SPAN, number__lte=high // Stretch.SPAN)
    numbers = list(known.order_by("-number").values_list("number", flat=True).distinct())
    while numbers:
        last = first = numbers[0]
        together = 1
        while together < len(numbers) and numbers[together] == first - 1:
            first, together = first - 1, together + 1
        yield max(first * Stretch.SPAN - 1, low), min((last + 1) * Stretch.SPAN - 1, high)
        numbers = numbers[together:]


def _judgments(scope: Project | Round) -> QuerySet[Judgment]:
    of = "round__project" if isinstance(scope, Project) else "round"
    found: QuerySet[Judgment] = Judgment.objects.filter(**{f"assignment__comparison__{of}": scope})
    return found


def _read(judgments: QuerySet[Judgment], *, most: int | None = None) -> list[Judged]:
    """The newest `most`, oldest first."""
    return [Judged(*row) for row in list(judgments.order_by("-pk").values_list(*COLUMNS)[:most])[::-1]]


def _current(rows: Iterable[Judged]) -> list[Judged]:
    """Without what a later one supersedes; the newest of these."""
    rows = list(rows)
    superseded = {row.supersedes for row in rows}
    return [row for row in rows if row.pk not in superseded][-NEWEST:]
