"""Judgments as arrays, for what looks at all of them at once: consensus, reliability."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.db.models import QuerySet
from django.db.models.functions import Length

from annotator.domain.aggregation import Judgments
from annotator.domain.lifecycles import RoundState
from annotator.domain.verdicts import Outcome
from annotator.models import Judgment, Project, Round

OVERALL = ""  # the question that every judgment answers, beside the codes of criteria
PAGE = 5000  # judgments in memory as rows


@dataclass(frozen=True)
class Known:
    """Judgments, and the ids that stand behind their indices."""

    judgments: Judgments
    comparison_ids: list[int]
    rater_ids: list[int]


def judgments_known(round: Round) -> dict[str, Known]:
    """What a round and those before it know, by criterion. Who could not judge said nothing."""
    return _known(_in_play(round.project).filter(assignment__comparison__round__number__lte=round.number))


def judgments_of_project(project: Project) -> Known:
    """Everything that counts in a project, about the overall question."""
    return _known(_in_play(project)).get(OVERALL) or _Growing().known()


def _in_play(project: Project) -> QuerySet[Judgment]:
    return (
        Judgment.objects.current()
        .trusted()
        .filter(assignment__comparison__round__project=project, assignment__comparison__set_aside_at__isnull=True)
        .exclude(assignment__comparison__round__state=RoundState.ABANDONED)
    )


@dataclass
class _Growing:
    """Columns as plain numbers: a million judgments take forty megabytes."""

    comparison: array[int] = field(default_factory=lambda: array("q"))
    rater: array[int] = field(default_factory=lambda: array("q"))
    value: array[float] = field(default_factory=lambda: array("d"))
    on_left: array[int] = field(default_factory=lambda: array("b"))
    longer: array[int] = field(default_factory=lambda: array("q"))

    def add(self, comparison: int, rater: int, value: float | None, on_left: bool, longer: int) -> None:
        self.comparison.append(comparison)
        self.rater.append(rater)
        self.value.append(value or 0.0)
        self.on_left.append(on_left)
        self.longer.append(longer)

    def known(self) -> Known:
        comparison_ids, comparison_J = np.unique(np.array(self.comparison, np.int64), return_inverse=True)
        rater_ids, rater_J = np.unique(np.array(self.rater, np.int64), return_inverse=True)
        judgments = Judgments.of(
            comparison_J, rater_J, np.array(self.value), np.array(self.on_left), np.array(self.longer, np.int64)
        )
        return Known(judgments, comparison_ids.tolist(), rater_ids.tolist())


def _known(judgments: QuerySet[Judgment]) -> dict[str, Known]:
    growing: dict[str, _Growing] = {}
    for comparison, rater, on_left, first, second, outcome, value, criteria in _rows(judgments):
        said = {OVERALL: {"outcome": outcome, "value": value}, **criteria}
        for criterion, answer in said.items():
            if answer["outcome"] != Outcome.CANNOT_JUDGE:
                columns = growing.setdefault(criterion, _Growing())
                columns.add(comparison, rater, answer["value"], on_left, first - second)
    return {criterion: columns.known() for criterion, columns in growing.items()}


def _rows(judgments: QuerySet[Judgment]) -> Iterator[tuple[Any, ...]]:
    """In the order in which they came, a page at a time: a pooled connection has no cursor to stream from."""
    ordered = judgments.order_by("id").values_list(
        "id",
        "assignment__comparison_id",
        "assignment__rater_id",
        "assignment__first_on_left",
        Length("assignment__comparison__first__text"),
        Length("assignment__comparison__second__text"),
        "outcome",
        "value",
        "criteria",
    )
    newest = 0
    while page := list(ordered.filter(id__gt=newest)[:PAGE]):
        yield from (row[1:] for row in page)
        newest = page[-1][0]
