"""What one more judgment of each comparison is expected to tell, said anew while judgments come in."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

import numpy as np
from django.core.cache import cache
from django.db.models import QuerySet

from annotator.domain.disagreement import disagreement
from annotator.domain.lifecycles import RoundState
from annotator.domain.ranking.information import order_gains
from annotator.domain.ranking.votes import Votes
from annotator.domain.strategies import Informative, Order
from annotator.models import Checkpoint, Round
from annotator.selectors.rewards import judges_of, leads_under, reach_of
from annotator.selectors.votes import Author, votes_counted_of
from annotator.sql import rows

PAGE = 2000  # comparisons that are read, and written where they changed, at once
SECONDS = 20.0  # that one call takes; the next one goes on from there
CHANGED = 0.01  # a score that moved by less than this share of itself stays as it is


def rounds_to_score() -> QuerySet[Round]:
    """Rounds that collect in projects whose strategy asks the most informative first."""
    asks = {f"project__strategy__{Order.INFORMATIVE}__gt": 0}
    return Round.objects.filter(state=RoundState.COLLECTING, **asks).select_related("project")


def scores_refresh(*, round: Round, seconds: float = SECONDS) -> int:
    """Score what is free in a round, but for its control arm; return how many scores changed.

    The score of a comparison is what a judgment of its two authors is expected to tell about the order of all of them,
    after the votes so far; or, where the project wants that and reward models have read the answers, how far these
    disagree about it. A pass goes through the round in pages and begins only after new judgments or rewards. Rows that
    somebody is working on are left for the next pass, so nobody who judges waits for this.
    """
    began = time.monotonic()
    measure = _measure_of(round)
    key = f"scores-{round.pk}"
    behind, name, newest = cache.get(key, (0, "", -1))
    if name != measure.name:  # scores of two measures do not compare, so the whole round is scored anew
        behind, newest = 0, -1
    if not behind and newest == measure.newest:
        return 0
    changed = 0
    while page := _page(round, behind):
        scored = zip(page, measure.of(page), strict=True)
        moved = [(free.pk, score) for free, score in scored if _differs(score, free.score)]
        if moved:
            changed += len(rows(STORE, [list(column) for column in zip(*moved, strict=True)]))
        behind = page[-1].pk
        if time.monotonic() - began > seconds:
            break
    else:
        behind = 0
    cache.set(key, (behind, measure.name, measure.newest), timeout=None)
    return changed


STORE = """
UPDATE annotator_comparison c SET score = n.score
  FROM (SELECT found.id, said.score FROM unnest(%s::bigint[], %s::float8[]) said(id, score)
          JOIN annotator_comparison found ON found.id = said.id FOR NO KEY UPDATE OF found SKIP LOCKED) n
 WHERE c.id = n.id RETURNING c.id
"""


class Free(NamedTuple):
    """A comparison that somebody may be asked about, the authors of its two answers, and the answers."""

    pk: int
    score: float
    authors: tuple[Author, Author]
    answers: tuple[int, int]


def _page(round: Round, behind: int) -> list[Free]:
    """Free comparisons behind this one."""
    free = round.comparisons.filter(is_free=True, is_control=False, pk__gt=behind).order_by("pk")
    sides = [f"{side}__{field}" for side in ("first", "second") for field in ("checkpoint_id", "author")]
    columns = free.values_list("pk", "score", *sides, "first_id", "second_id")[:PAGE]
    return [Free(pk, score, ((a, b), (c, d)), (first, second)) for pk, score, a, b, c, d, first, second in columns]


def _differs(gain: float, score: float) -> bool:
    return abs(gain - score) > CHANGED * max(abs(gain), abs(score))


class Measure(Protocol):
    """What scores say.

    name    of what they compare within: another name, and all are said anew
    newest  grows with what they are made from
    """

    name: str
    newest: int

    def of(self, page: Sequence[Free]) -> Sequence[float]: ...


def _measure_of(round: Round) -> Measure:
    if round.project.informative_by == Informative.DISAGREEMENT:
        reach = reach_of(round)
        judges = [judge for judge in judges_of(round.project) if judge.pk in reach and reach[judge.pk].scored]
        if judges:
            return _Disagreement(judges, min(reach[judge.pk].scored for judge in judges))
    counts = votes_counted_of(round.project)
    return _Gains(counts.authors, counts.votes(), counts.newest)


class _Disagreement:
    """How far reward models disagree; what one of them has not read says nothing yet."""

    def __init__(self, judges: Sequence[Checkpoint], newest: int) -> None:
        self.judges = judges
        self.name = f"disagreement of {[judge.pk for judge in judges]}"
        self.newest = newest

    def of(self, page: Sequence[Free]) -> Sequence[float]:
        lead_RM, is_read_R = leads_under(self.judges, [free.answers for free in page])
        scores: list[float] = np.where(is_read_R, disagreement(lead_RM), 0.0).tolist()
        return scores


class _Gains:
    """What a judgment between two authors tells; who has no votes yet joins when first met."""

    name = "ranking"

    def __init__(self, authors: Sequence[Author], votes: Votes, newest: int) -> None:
        self.numbers = {author: number for number, author in enumerate(authors)}
        self.votes = votes
        self.newest = newest
        self.gain_KK = order_gains(votes)

    def of(self, page: Sequence[Free]) -> Sequence[float]:
        return [self._gain(*free.authors) for free in page]

    def _gain(self, one: Author, other: Author) -> float:
        if one == other:
            return 0.0
        for author in (one, other):
            self.numbers.setdefault(author, len(self.numbers))
        if len(self.numbers) > len(self.gain_KK):
            self.gain_KK = order_gains(replace(self.votes, contestants=len(self.numbers)))
        return float(self.gain_KK[self.numbers[one], self.numbers[other]])
