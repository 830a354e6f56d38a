"""Where the queue of a round stands: what is finished, what is under way, and who holds what."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from django.db import connection
from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from annotator.domain.clusters import share_of_clusters
from annotator.models import Assignment, Round, RoundTally, User
from annotator.selectors.kept import FINDINGS, SOON
from annotator.selectors.quality import Estimate, share_of
from annotator.selectors.rounds import COUNTED, leases_held

FEW = 20_000  # comparisons that are counted one by one; of more, a sample is
SAMPLE = 10_000  # comparisons in a sample, about
LEASES = 200  # leases that are shown, by whoever holds them
FINISHED = _("Finished")
FINISHED_MEANS = _("Share of comparisons in play that have all the judgments wanted.")
DEPTH_MEANS = _("Share of comparisons in play that have so many judgments.")


@dataclass(frozen=True)
class Depth:
    """Comparisons with so many judgments, as a share of those in play."""

    judgments: int
    share: Estimate


@dataclass(frozen=True)
class Depths:
    """is_sample  whether only some comparisons were looked at; `n` says how many"""

    rows: list[Depth]
    finished: Estimate
    n: int
    is_sample: bool


@dataclass(frozen=True)
class Holder:
    """Somebody with leases: since when the oldest one lasts, and when the first runs out."""

    rater: User
    leases: int
    since: datetime
    until: datetime


@dataclass(frozen=True)
class QueueHealth:
    """held  leases now; is_many: there are at least so many"""

    comparisons: int
    wanted: int
    answered: int
    set_aside: int
    held: int
    is_many: bool
    holders: list[Holder]

    @property
    def share(self) -> float | None:
        return self.answered / self.wanted if self.wanted else None

    @property
    def oldest(self) -> datetime | None:
        return min((one.since for one in self.holders), default=None)

    @property
    def are_all_shown(self) -> bool:
        return sum(one.leases for one in self.holders) >= self.held


def queue_health(round: Round) -> QueueHealth:
    sums = RoundTally.objects.filter(round=round).sums()
    held = leases_held(round)
    number = held.order_by()[:COUNTED].count()
    return QueueHealth(
        sums["comparisons"],
        sums["wanted"],
        sums["answered"],
        sums["set_aside"],
        number,
        number == COUNTED,
        _holders(held),
    )


def _holders(held: QuerySet[Assignment]) -> list[Holder]:
    leases: dict[User, list[Assignment]] = defaultdict(list)
    for lease in held[:LEASES]:
        leases[lease.rater].append(lease)
    return [
        Holder(rater, len(theirs), min(one.claimed_at for one in theirs), theirs[0].leased_until)
        for rater, theirs in leases.items()
    ]


# --- how many judgments comparisons have -------------------------------------------


def depths_of(round: Round, comparisons: int) -> Depths:
    """Shares of comparisons by their number of judgments.

    comparisons  how many the round has; of more than FEW, whole blocks of the
    table are drawn by chance, once a minute at most, and intervals take blocks as what varies
    """
    if comparisons <= FEW:
        return _depths(round, 100.0, is_sample=False)
    kept: Depths | None = FINDINGS.get(f"depths-{round.pk}")
    if kept is None:
        kept = _depths(round, 100.0 * SAMPLE / comparisons, is_sample=True)
        FINDINGS.put(f"depths-{round.pk}", kept, seconds=SOON)
    return kept


def _depths(round: Round, percent: float, *, is_sample: bool) -> Depths:
    with connection.cursor() as cursor:
        cursor.execute(SAMPLED if is_sample else ALL, [min(percent, 100.0), round.pk] if is_sample else [round.pk])
        rows = cursor.fetchall()
    if not rows:
        nothing = share_of(0, 0, FINISHED, FINISHED_MEANS, _("The round has no comparisons yet."))
        return Depths([], nothing, 0, is_sample)
    block_R, depth_R, n_R, finished_R = np.array(rows, np.int64).T
    _blocks, block_R = np.unique(block_R, return_inverse=True)
    whole_C = np.bincount(block_R, weights=n_R)

    def share(part_R: np.ndarray, title: str | Promise, definition: str | Promise) -> Estimate:
        n = int(n_R.sum())
        if not is_sample:  # all were counted, so nothing is left to chance
            value = float(part_R.sum() / n)
            return Estimate(title, definition, "share", value, value, value, n)
        found = share_of_clusters(np.bincount(block_R, weights=part_R), whole_C)
        return Estimate(title, definition, "share", found.value, found.low, found.high, n)

    depths = [
        Depth(depth, share(np.where(depth_R == depth, n_R, 0), str(depth), DEPTH_MEANS))
        for depth in sorted({int(one) for one in depth_R})
    ]
    finished = share(finished_R, FINISHED, FINISHED_MEANS)
    if not is_sample:
        finished = replace(finished, low=None, high=None, reason=_("All were counted."))
    return Depths(depths, finished, int(n_R.sum()), is_sample)


# Rows of (block, judgments, comparisons, finished ones).
PART = """
       answered, count(*), count(*) FILTER (WHERE answered >= wanted)
  FROM annotator_comparison {sample} WHERE round_id = %s AND set_aside_at IS NULL GROUP BY 1, 2
"""
ALL = "SELECT 0," + PART.format(sample="")
SAMPLED = "SELECT (ctid::text::point)[0]::bigint," + PART.format(sample="TABLESAMPLE SYSTEM (%s)")
