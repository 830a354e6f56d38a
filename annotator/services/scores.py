"""What one more judgment of each comparison is expected to tell, said anew while judgments come in."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from django.core.cache import cache
from django.db.models import QuerySet

from annotator.domain.lifecycles import RoundState
from annotator.domain.ranking.information import order_gains
from annotator.domain.ranking.votes import Votes
from annotator.domain.strategies import Order
from annotator.models import Round
from annotator.models.comparisons import FREE
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
    after the votes so far. A pass goes through the round in pages and begins only after new judgments. Rows that
    somebody is working on are left for the next pass, so nobody who judges waits for this.
    """
    began = time.monotonic()
    counts = votes_counted_of(round.project)
    key = f"scores-{round.pk}"
    behind, newest = cache.get(key, (0, -1))
    if not behind and newest == counts.newest:
        return 0
    gains = _Gains(counts.authors, counts.votes())
    changed = 0
    while page := _page(round, behind):
        moved = [(pk, gain) for pk, score, one, other in page if _differs(gain := gains.of(one, other), score)]
        if moved:
            changed += len(rows(STORE, [list(column) for column in zip(*moved, strict=True)]))
        behind = page[-1][0]
        if time.monotonic() - began > seconds:
            break
    else:
        behind = 0
    cache.set(key, (behind, counts.newest), timeout=None)
    return changed


STORE = """
UPDATE annotator_comparison c SET score = n.score
  FROM (SELECT found.id, said.score FROM unnest(%s::bigint[], %s::float8[]) said(id, score)
          JOIN annotator_comparison found ON found.id = said.id FOR NO KEY UPDATE OF found SKIP LOCKED) n
 WHERE c.id = n.id RETURNING c.id
"""


def _page(round: Round, behind: int) -> list[tuple[int, float, Author, Author]]:
    """Free comparisons behind this one: id, score, and the two authors."""
    free = round.comparisons.filter(FREE, is_control=False, pk__gt=behind).order_by("pk")
    sides = [f"{side}__{field}" for side in ("first", "second") for field in ("checkpoint_id", "author")]
    return [(pk, score, (a, b), (c, d)) for pk, score, a, b, c, d in free.values_list("pk", "score", *sides)[:PAGE]]


def _differs(gain: float, score: float) -> bool:
    return abs(gain - score) > CHANGED * max(abs(gain), abs(score))


class _Gains:
    """What a judgment between two authors tells; who has no votes yet joins when first met."""

    def __init__(self, authors: Sequence[Author], votes: Votes) -> None:
        self.numbers = {author: number for number, author in enumerate(authors)}
        self.votes = votes
        self.gain_KK = order_gains(votes)

    def of(self, one: Author, other: Author) -> float:
        if one == other:
            return 0.0
        for author in (one, other):
            self.numbers.setdefault(author, len(self.numbers))
        if len(self.numbers) > len(self.gain_KK):
            self.gain_KK = order_gains(replace(self.votes, contestants=len(self.numbers)))
        return float(self.gain_KK[self.numbers[one], self.numbers[other]])
