"""Findings about projects with many judgments: a page looks them up, and says how old they are.

Up to MANY judgments a page finds everything itself, and everything counts at once.
Beyond, the clock's worker makes the findings (services.figures) and all processes read the same rows.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.db.models import QuerySet, Sum
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy, pgettext_lazy

from annotator.domain.packing import packed, unpacked
from annotator.models import Figure, Member, Project, Round, RoundTally
from annotator.selectors.exclusion import excluded_of
from annotator.selectors.kept import FINDINGS, MANY

SHELVED = 3600.0  # seconds that a process keeps a finding unpacked, as long as the row holds the same one

Scope = Project | Round


@dataclass(frozen=True)
class Seen:
    """The sums of a project or round, by which one tells what came since. What was corrected since shows in none."""

    answered: int
    decided: int
    set_aside: int
    excluded: list[int]


@dataclass(frozen=True)
class Age:
    """How old a finding is.

    found_at   None before it was made for the first time
    later      judgments that came since
    is_redone  whether people were excluded or taken back since, so that it is made anew at once
    """

    found_at: datetime | None
    later: int
    is_redone: bool


def is_big(scope: Scope) -> bool:
    """Whether the worker makes the findings."""
    return judgments_number(scope) > MANY


def judgments_number(scope: Scope) -> int:
    """How many there are on comparisons in play, by the sums of the rounds."""
    return _sums(scope)["answered"]


def seen_of(scope: Scope) -> Seen:
    project = scope.project if isinstance(scope, Round) else scope
    return _seen(_sums(scope), sorted(excluded_of(project)))


def seen_of_all() -> dict[Scope, Seen]:
    """Of every project, and of every round, that has more than MANY judgments."""
    excluded: dict[int, list[int]] = defaultdict(list)
    people = Member.objects.filter(excluded_at__isnull=False).order_by("user_id")
    for project_id, user in people.values_list("project_id", "user_id"):
        excluded[project_id].append(user)
    by_round = {
        round_id: Counter(answered=int(answered), decided=int(decided), set_aside=int(set_aside))
        for round_id, answered, decided, set_aside in RoundTally.objects.values_list("round").annotate(
            Sum("answered"), Sum("decided"), Sum("set_aside")
        )
    }
    sums: dict[Scope, Counter[str]] = defaultdict(Counter)
    for round in Round.objects.filter(pk__in=by_round).select_related("project"):
        for scope in (round, round.project):
            sums[scope].update(by_round[round.pk])
    return {
        scope: _seen(counted, excluded[scope.project_id if isinstance(scope, Round) else scope.pk])
        for scope, counted in sums.items()
        if counted["answered"] > MANY
    }


def _seen(sums: Mapping[str, int], excluded: list[int]) -> Seen:
    return Seen(sums["answered"], sums["decided"], sums["set_aside"], excluded)


def _sums(scope: Scope) -> dict[str, int]:
    rounds = scope.rounds.all() if isinstance(scope, Project) else [scope]
    return RoundTally.objects.filter(round__in=rounds).sums()


def figure_found(scope: Scope, name: str, wish: dict[str, Any] | None = None) -> Any:
    """The finding as it was made last, None before the first time."""
    newest = _rows(scope, name, wish).filter(code=code()).values_list("pk", "found_at").first()
    if newest is None:
        return None
    pk, found_at = newest
    shelf = f"figure-{pk}"
    shelved_at, finding = FINDINGS.get(shelf) or (None, None)
    if shelved_at != found_at:
        fresh = Figure.objects.filter(pk=pk, code=code()).values_list("found_at", "found").first()
        if fresh is None:
            return None
        finding = unpacked(bytes(fresh[1]), _made)
        FINDINGS.put(shelf, (fresh[0], finding), seconds=SHELVED)
    return finding


def age_of(scope: Scope, name: str, wish: dict[str, Any] | None = None) -> Age | None:
    """None where the page finds everything itself."""
    if not is_big(scope):
        return None
    row = _rows(scope, name, wish).filter(code=code()).values_list("found_at", "seen").first()
    if row is None:
        return Age(None, 0, False)
    now, then = seen_of(scope), Seen(**row[1])
    return Age(row[0], max(now.answered - then.answered, 0), now.excluded != then.excluded)


def _rows(scope: Scope, name: str, wish: dict[str, Any] | None) -> QuerySet[Figure]:
    rows = Figure.objects.filter(name=name, wish=wish or {})
    return rows.filter(round=scope) if isinstance(scope, Round) else rows.filter(round=None, project=scope)


def figure_packed(finding: Any) -> bytes:
    return packed(finding, _told)


@lru_cache(maxsize=1)
def code() -> str:
    """A fingerprint of all that findings are made by and of."""
    ours = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256()
    for path in sorted([*ours.glob("selectors/*.py"), *ours.glob("domain/**/*.py")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()


# --- texts that wait for their language ------------------------------------------

WAITING: dict[str, Callable[..., Any]] = {"gettext": gettext_lazy, "pgettext": pgettext_lazy}


def _told(thing: Any) -> tuple[str, ...] | None:
    if not isinstance(thing, Promise):
        return None
    reduced: Any = thing.__reduce__()
    make, said, *_more = reduced[1]
    assert make.__name__ in WAITING, f"{make} waits for its language in a way that no finding knows"
    return (make.__name__, *map(str, said))


@lru_cache(maxsize=4096)
def _made(said: tuple[str, ...]) -> Any:
    make, *words = said
    return WAITING[make](*words)
