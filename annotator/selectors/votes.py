"""Judgments of a project counted by who wrote the answers, and by rater.

Counting must not cost more the longer a project lives. Judgments are append-only, and a correction names the one that
it supersedes, so each adds its own vote and takes the superseded one away: counts over a range of ids are whole, and
add up. What lies below an id is counted once and kept; afterwards only what came since is counted. Pairs that are set
aside are few, and are taken away at the end, and so are raters whom an owner excluded.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

import numpy as np
from django.core.cache import cache
from django.db.models import Count, Max, Q, QuerySet
from django.utils import timezone

from annotator.domain.ranking.votes import Places, Votes
from annotator.domain.verdicts import Outcome
from annotator.models import Comparison, Judgment, Project
from annotator.models.judgments import JudgmentQuerySet
from annotator.selectors.exclusion import excluded_of
from annotator.selectors.figures import figure_found, is_big

# A transaction that drew an id may commit after one with a later id; ids older than this have settled.
SETTLED = timedelta(minutes=1)
KEPT = timedelta(hours=1)  # then all is counted anew, with whatever settled later than that
EQUAL = (Outcome.TIE, Outcome.BOTH_GOOD, Outcome.BOTH_BAD)
COMPARISON = "assignment__comparison"

# Who wrote an answer: a checkpoint's id, or None and the name that came with an import.
Author = tuple[int | None, str]


@dataclass(frozen=True)
class Counts:
    """Votes between authors, who are numbered.

    table_R7  round, first author, second author, rater, wins, losses, ties; counts may be negative in single rows
    newest    the id of the newest judgment among them
    """

    authors: tuple[Author, ...]
    table_R7: Places
    newest: int = 0

    @property
    def judgments(self) -> int:
        return int(self.table_R7[:, 4:].sum())

    def plus(self, rows: Iterable[tuple[Any, ...]], *, sign: int = 1) -> Counts:
        """With rows of `_counted` added, or taken away."""
        numbers = {author: number for number, author in enumerate(self.authors)}
        found, more = self.newest, []
        for round_number, first_id, first, second_id, second, rater, wins, losses, ties, newest in rows:
            found = max(found, newest)
            sides = ((first_id, first), (second_id, second))
            if sides[0] != sides[1]:  # two answers of one author say nothing about who is better
                first_number, second_number = (numbers.setdefault(author, len(numbers)) for author in sides)
                counts = (sign * wins, sign * losses, sign * ties)
                more.append((round_number, first_number, second_number, rater, *counts))
        table_R7 = np.concatenate([self.table_R7, np.array(more, np.int64).reshape(-1, 7)])
        return Counts(tuple(numbers), table_R7, found)

    def compact(self) -> Counts:
        """The same with one row per round, pair and rater."""
        key_N4, place_R = np.unique(self.table_R7[:, :4], axis=0, return_inverse=True)
        table_N7 = np.zeros((len(key_N4), 7), np.int64)
        table_N7[:, :4] = key_N4
        np.add.at(table_N7[:, 4:], place_R, self.table_R7[:, 4:])
        return Counts(self.authors, table_N7[table_N7[:, 4:].any(axis=1)], self.newest)

    def without(self, raters: Collection[int]) -> Counts:
        """Without what these people said."""
        if not raters:
            return self
        is_left_out_R = np.isin(self.table_R7[:, 3], np.fromiter(raters, np.int64))
        return Counts(self.authors, self.table_R7[~is_left_out_R], self.newest)

    def votes(self, first_round: int | None = None, last_round: int | None = None) -> Votes:
        """Of some rounds, both included; a row per pair and rater, who is the cluster."""
        round_R = self.table_R7[:, 0]
        chosen_R = (round_R >= (first_round or 0)) & (round_R <= (last_round or np.iinfo(np.int64).max))
        columns = self.table_R7[chosen_R].T
        wins_R, losses_R, ties_R = columns[4:].astype(np.float64)
        no_style = np.zeros((len(columns[0]), 0))
        rows = Votes(len(self.authors), columns[1], columns[2], wins_R, losses_R, ties_R, columns[3], no_style)
        return rows.by_pair(and_cluster=True)


@dataclass(frozen=True)
class _Base:
    """Counts of all judgments up to an id, and when the counting began."""

    begun: datetime
    upto: int
    counts: Counts


NOTHING = Counts((), np.zeros((0, 7), np.int64))

_counting: defaultdict[str, Lock] = defaultdict(Lock)  # by the key of what is counted


def votes_counted_of(project: Project, tag: str = "", *, now: datetime | None = None) -> Counts:
    """Every current vote but those on pairs that are set aside, or of excluded raters; with a tag, on prompts that
    carry it."""
    mine = judgments_of(project, tag)
    base = _base(mine, f"votes-{project.pk}-{hashlib.sha256(tag.encode()).hexdigest()}", now or timezone.now())
    counts = base.counts.plus(_counted(mine.filter(pk__gt=base.upto)))
    counts = counts.plus(_counted(mine.filter(**{f"{COMPARISON}__in": aside_of(project)})), sign=-1)
    return counts.without(excluded_of(project))


def authors_counted(project: Project, *, anew: bool = False) -> tuple[Author, ...]:
    """Whose answers were compared; in a big project those that the worker found last."""
    if not anew and is_big(project):
        return figure_found(project, "authors") or ()
    return votes_counted_of(project).authors


def _base(judgments: QuerySet[Judgment], key: str, now: datetime) -> _Base:
    """What was counted before and is kept, with what has settled since.

    Who else in this process wants it meanwhile waits and finds it.
    """
    with _counting[key]:
        return _base_counted(judgments, key, now)


def _base_counted(judgments: QuerySet[Judgment], key: str, now: datetime) -> _Base:
    base = cache.get(key)
    if not isinstance(base, _Base) or base.begun < now - KEPT:
        base = _Base(now, 0, NOTHING)
    newest = Judgment.objects.filter(created_at__lt=now - SETTLED).order_by("-pk").values_list("pk", flat=True)
    settled = newest.first() or 0
    if settled > base.upto:
        since = _counted(judgments.filter(pk__gt=base.upto, pk__lte=settled))
        base = _Base(base.begun, settled, base.counts.plus(since).compact())
        cache.set(key, base, timeout=KEPT.total_seconds())
    return base


def judgments_of(project: Project, tag: str = "") -> JudgmentQuerySet:
    found: JudgmentQuerySet = Judgment.objects.get_queryset().filter(**{f"{COMPARISON}__round__project": project})
    return found.filter(**{f"{COMPARISON}__prompt__tags__contains": [tag]}) if tag else found


def aside_of(project: Project) -> QuerySet[Comparison]:
    return Comparison.objects.filter(round__in=project.rounds.all(), set_aside_at__isnull=False)


def _counted(judgments: QuerySet[Judgment]) -> Iterable[tuple[Any, ...]]:
    """Rows of (round, first's checkpoint and author, second's, rater, wins, losses, ties, newest id).

    A superseded judgment is taken away by the one that supersedes it.
    """

    def votes(**outcome: Any) -> Any:
        superseded = {f"supersedes__{name}": value for name, value in outcome.items()}
        return Count("pk", filter=Q(**outcome)) - Count("supersedes", filter=Q(**superseded))

    return (
        judgments.order_by()
        .values_list(
            f"{COMPARISON}__round__number",
            f"{COMPARISON}__first__checkpoint_id",
            f"{COMPARISON}__first__author",
            f"{COMPARISON}__second__checkpoint_id",
            f"{COMPARISON}__second__author",
            "assignment__rater_id",
        )
        .annotate(
            wins=votes(value__lt=0),
            losses=votes(value__gt=0),
            ties=votes(outcome__in=EQUAL),
            newest=Max("pk"),
        )
    )
