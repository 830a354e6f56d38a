"""The newest judgments of a project, or of a round, without looking at all the others.

No index leads from a project to its newest judgments, so they are looked for in
ever wider ranges of ids, newest first, and kept. Judgments are append-only and a
correction names what it supersedes: afterwards only what came since is read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.core.cache import cache
from django.db.models import Sum
from django.utils import timezone

from annotator.models import Judgment, Project, RaterHour, Round
from annotator.models.judgments import JudgmentQuerySet
from annotator.selectors.votes import KEPT, SETTLED

NEWEST = 20_000  # judgments that are looked at; the pages say n, and more would change no digit that they show
AFAR = 4 * NEWEST  # ids that came since; beyond it, looking anew is quicker than reading on


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
class _Base:
    """The newest judgments up to an id that has settled, oldest first."""

    begun: datetime
    upto: int
    rows: list[Judged]


def judgments_newest(scope: Project | Round, *, now: datetime | None = None) -> list[Judged]:
    """At most NEWEST of those that count now, oldest first."""
    base = _base(scope, now or timezone.now())
    return _current([*base.rows, *_read(_judgments(scope).filter(pk__gt=base.upto))])


def judgments_number(scope: Project | Round) -> int:
    """How many there are, by the sums of the hours in which they were given."""
    hours = RaterHour.objects.filter(round__in=scope.rounds.all() if isinstance(scope, Project) else [scope])
    return hours.aggregate(answered=Sum("answered"))["answered"] or 0


def _base(scope: Project | Round, now: datetime) -> _Base:
    key = f"window-{type(scope).__name__.lower()}-{scope.pk}"
    base = cache.get(key)
    newest = Judgment.objects.filter(created_at__lt=now - SETTLED).order_by("-pk").values_list("pk", flat=True)
    settled = newest.first() or 0
    if not isinstance(base, _Base) or base.begun < now - KEPT or settled > base.upto + AFAR:
        base = _Base(now, settled, _found(scope, settled))
    elif settled > base.upto:
        since = _read(_judgments(scope).filter(pk__gt=base.upto, pk__lte=settled))
        base = _Base(base.begun, settled, _current([*base.rows, *since]))
    else:
        return base
    cache.set(key, base, timeout=KEPT.total_seconds())
    return base


def _found(scope: Project | Round, upto: int) -> list[Judged]:
    """The newest up to an id. Where there are few, all of them; a search for more would end at the first judgment."""
    judgments = _judgments(scope)
    if judgments_number(scope) <= NEWEST:
        return _current(_read(judgments.filter(pk__lte=upto)))
    rows: list[Judged] = []
    high, width = upto, 2 * NEWEST
    while high > 0 and len(rows) < NEWEST:
        rows = _current([*_read(judgments.filter(pk__gt=high - width, pk__lte=high)), *rows])
        high, width = high - width, 2 * width
    return rows


def _judgments(scope: Project | Round) -> JudgmentQuerySet:
    of = "round__project" if isinstance(scope, Project) else "round"
    found: JudgmentQuerySet = Judgment.objects.filter(**{f"assignment__comparison__{of}": scope})
    return found


def _read(judgments: JudgmentQuerySet) -> list[Judged]:
    return [Judged(*row) for row in judgments.order_by("pk").values_list(*COLUMNS)]


def _current(rows: Iterable[Judged]) -> list[Judged]:
    """Without what a later one supersedes; the newest of these."""
    rows = list(rows)
    superseded = {row.supersedes for row in rows}
    return [row for row in rows if row.pk not in superseded][-NEWEST:]
