"""Whether raters come to agree more or less, over the newest judgments of a project."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

import numpy as np
from django.utils.translation import gettext_lazy as _

from annotator.domain.clusters import share_of_clusters
from annotator.domain.verdicts import Outcome
from annotator.models import Project
from annotator.selectors.company import company_of
from annotator.selectors.exclusion import excluded_of
from annotator.selectors.quality import Estimate
from annotator.selectors.window import Judged, found_in

EACH = 500  # judgments in a step by number


class By(StrEnum):
    DAY = "day"
    NUMBER = "number"


@dataclass(frozen=True)
class Step:
    """A day in UTC, or EACH judgments in a row: when it began, and how often its judgments agreed with others.

    judgments  in the step; the estimate's n counts comparisons
    """

    begins: datetime
    judgments: int
    agreement: Estimate


@dataclass(frozen=True)
class Trend:
    """Oldest step first. judgments: those that were looked at."""

    by: By
    judgments: int
    steps: list[Step]

    @property
    def is_empty(self) -> bool:
        """Whether no step has anything to show."""
        return all(step.agreement.value is None for step in self.steps)


def trend_of(project: Project, by: By, *, anew: bool = False) -> Trend | None:
    """Each judgment is held against all others on its comparison, whenever those were given.

    None where the worker has not found it yet.
    """

    def find(newest: list[Judged]) -> Trend:
        rows = [row for row in newest if row.outcome != Outcome.CANNOT_JUDGE]
        return Trend(by, len(rows), _steps(rows, by, excluded_of(project)))

    return found_in(project, f"trend-{by}", find, anew=anew)


def _steps(rows: list[Judged], by: By, excluded: frozenset[int]) -> list[Step]:
    rows = sorted(rows, key=lambda row: (row.created_at, row.pk))
    comparison_N = np.array([row.comparison for row in rows], np.int64)
    same_N, others_N = company_of(rows, excluded)
    if by == By.DAY:
        step_N = np.array([row.created_at.toordinal() for row in rows], np.int64)
    else:
        step_N = np.arange(len(rows)) // EACH
    _steps, begins = np.unique(step_N, return_index=True)
    return [
        Step(
            rows[begin].created_at, end - begin, _agreement(*(of[begin:end] for of in (comparison_N, same_N, others_N)))
        )
        for begin, end in pairwise([*begins.tolist(), len(rows)])
    ]


def _agreement(comparison_N: np.ndarray, same_N: np.ndarray, others_N: np.ndarray) -> Estimate:
    """Comparisons are what varies: all judgments of one stand or fall together."""
    _comparisons, place_N = np.unique(comparison_N, return_inverse=True)
    found = share_of_clusters(np.bincount(place_N, weights=same_N), np.bincount(place_N, weights=others_N))
    return Estimate(
        _("Agreement"),
        _("Share of the other judgments on the same comparisons that say the same as those of this step."),
        "share",
        found.value,
        found.low,
        found.high,
        found.n,
        _("comparisons"),
        "" if found.value is not None else _("Nobody else judged these comparisons yet."),
    )
