"""How far raters agree: by question, by person, by pair of people, by tag and by round."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from django.core.cache import cache
from django.db.models import Max, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from annotator.domain.agreement import (
    Agreement,
    Views,
    agreement_of,
    mean_pairwise_kappa,
    rater_pairs,
    raters_against_others,
)
from annotator.domain.verdicts import Outcome
from annotator.models import Checkpoint, CheckpointKind, Judgment, Project, Protocol, Round
from annotator.selectors.quality import AGREEMENT, NEWEST, Estimate, agreement_shown, estimate_named

Group = TypeVar("Group", int, str)

OVERALL = ("with_ties", "without_ties", "alpha_nominal", "alpha_ordinal", "alpha_interval", "fleiss", "ac1", "ac2")
BRIEF = ("with_ties", "without_ties", "alpha_nominal", "alpha_interval", "ac1")
OF_RATER = ("with_ties", "without_ties", "kappa")
OF_PAIR = ("with_ties", "without_ties", "kappa", "kappa_linear", "kappa_quadratic")
MOST = 25  # rows of a table: the busiest raters and pairs, the most used tags


@dataclass(frozen=True)
class Row:
    """One line of a table: what it is about, a round by its number, and its coefficients."""

    name: str | Promise
    estimates: list[Estimate]
    round: int | None = None


@dataclass(frozen=True)
class Table:
    """Coefficients side by side.

    columns   what each of a row's estimates is
    left_out  rows beyond the MOST that are shown
    """

    columns: list[str | Promise]
    rows: list[Row]
    left_out: int = 0


@dataclass(frozen=True)
class AgreementTables:
    """The agreement of a round, or of a project.

    judgments   that were looked at: the newest, of `of`
    comparisons that these are about
    overall     every coefficient of the overall question
    """

    judgments: int
    of: int
    comparisons: int
    overall: list[Estimate]
    questions: Table
    raters: Table
    pairs: Table
    tags: Table
    rounds: Table

    @property
    def without_ties(self) -> Estimate:
        return self.overall[OVERALL.index("without_ties")]


@dataclass(frozen=True)
class Ceiling:
    """What people agree on among themselves beside what a reward model agrees on with them, decided pairs only."""

    people: Estimate
    model: Estimate
    checkpoint: Checkpoint


def agreement_of_round(round: Round) -> AgreementTables:
    judgments = Judgment.objects.filter(assignment__comparison__round=round)
    return _kept(judgments, round.project, f"round-{round.pk}")


def agreement_of_project(project: Project) -> AgreementTables:
    judgments = Judgment.objects.filter(assignment__comparison__round__project=project)
    return _kept(judgments, project, f"project-{project.pk}")


def ceiling_of(tables: AgreementTables, project: Project, round: Round | None = None) -> Ceiling | None:
    """The newest reward model of the project, or of the round; None before there is one that was measured."""
    made = Checkpoint.objects.filter(project=project, kind=CheckpointKind.REWARD, metrics__has_key="reward/accuracy")
    newest = (made.filter(run__round=round) if round else made).select_related("project").order_by("-pk").first()
    if newest is None:
        return None
    return Ceiling(tables.without_ties, estimate_named("reward/accuracy", newest.metrics["reward/accuracy"]), newest)


def _kept(judgments: QuerySet[Judgment], project: Project, scope: str) -> AgreementTables:
    """Judgments are append-only, so the newest id names the whole state and the answer can be kept."""
    newest = judgments.aggregate(newest=Max("pk"))["newest"] or 0
    key = f"agreement-{scope}-{newest}"
    found = cache.get(key)
    if not isinstance(found, AgreementTables):
        current = judgments.filter(superseded_by__isnull=True)
        rows = current.order_by("-pk")[:NEWEST].values_list(
            "assignment__comparison_id", "assignment__rater__username", "outcome", "value", "criteria",
            "assignment__comparison__round__number", "assignment__comparison__prompt__tags",
        )  # fmt: skip
        found = _measured([_Row(*row) for row in rows], current.count(), _criteria(project))
        cache.set(key, found, timeout=3600)
    return found


def _criteria(project: Project) -> dict[str, str]:
    """Code → name of every criterion that was ever asked, as it was called last."""
    versions = Protocol.objects.filter(project=project).order_by("version").values_list("criteria", flat=True)
    return {row["code"]: row["name"] for criteria in versions for row in criteria}


@dataclass(frozen=True)
class _Row:
    comparison: int
    rater: str
    outcome: str
    value: float | None
    criteria: dict[str, Any]
    round: int
    tags: list[str]


def _measured(rows: list[_Row], of: int, criteria: dict[str, str]) -> AgreementTables:
    counted = [row for row in rows if row.outcome != Outcome.CANNOT_JUDGE]
    views = _views((row, row.value) for row in counted)
    people = sorted({row.rater for row in counted})
    found = agreement_of(views)
    asked = [Row(_("Overall"), _shown(found, OVERALL))]
    for code, name in criteria.items():
        said = [(row, row.criteria[code]) for row in rows if code in row.criteria]
        if said:
            answers = ((row, one["value"]) for row, one in said if one["outcome"] != Outcome.CANNOT_JUDGE)
            asked.append(Row(name, _shown(agreement_of(_views(answers), wanted=OVERALL), OVERALL)))
    return AgreementTables(
        judgments=len(rows),
        of=of,
        comparisons=views.sides.units,
        overall=[
            *_shown(found, (*OVERALL, "tie_rate_kappa")),
            agreement_shown("mean_kappa", mean_pairwise_kappa(views.sides)),
        ],
        questions=Table(_titles(OVERALL), asked),
        raters=_raters(views, people),
        pairs=_pairs(views, people),
        tags=_tags(views, counted),
        rounds=_rounds(views, counted),
    )


def _views(said: Iterable[tuple[_Row, float | None]]) -> Views:
    kept = [(row.comparison, row.rater, math.nan if value is None else value) for row, value in said]
    return Views.of(*zip(*kept, strict=True)) if kept else Views.of([], [], [])


def _shown(found: dict[str, Agreement], names: Iterable[str]) -> list[Estimate]:
    return [agreement_shown(name, found[name]) for name in names]


def _titles(names: Iterable[str]) -> list[str | Promise]:
    return [AGREEMENT[name].title for name in names]


def _raters(views: Views, people: Sequence[str]) -> Table:
    found = raters_against_others(views, MOST)
    rows = [Row(people[one.rater], [agreement_shown(name, getattr(one, name)) for name in OF_RATER]) for one in found]
    return Table(_titles(OF_RATER), rows, len(people) - len(rows))


def _pairs(views: Views, people: Sequence[str]) -> Table:
    found, there = rater_pairs(views, MOST)
    rows = [
        Row(f"{people[one.one]} · {people[one.other]}", [agreement_shown(name, getattr(one, name)) for name in OF_PAIR])
        for one in found
    ]
    return Table(_titles(OF_PAIR), rows, there - len(rows))


def _tags(views: Views, rows: Sequence[_Row]) -> Table:
    """The tags with the most comparisons."""
    tagged = _comparisons_by((row.comparison, tag) for row in rows for tag in row.tags)
    most = sorted(tagged, key=lambda tag: (-len(tagged[tag]), tag))[:MOST]
    found = [Row(tag, _among(views, rows, tagged[tag])) for tag in most]
    return Table(_titles(BRIEF), found, len(tagged) - len(found))


def _rounds(views: Views, rows: Sequence[_Row]) -> Table:
    """The newest rounds."""
    held = _comparisons_by((row.comparison, row.round) for row in rows)
    newest = sorted(held, reverse=True)[:MOST]
    found = [Row("", _among(views, rows, held[number]), number) for number in newest]
    return Table(_titles(BRIEF), found, len(held) - len(found))


def _comparisons_by(said: Iterable[tuple[int, Group]]) -> dict[Group, set[int]]:
    groups: dict[Group, set[int]] = defaultdict(set)
    for comparison, group in said:
        groups[group].add(comparison)
    return groups


def _among(views: Views, rows: Sequence[_Row], wanted: set[int]) -> list[Estimate]:
    comparison_U = np.unique([row.comparison for row in rows])
    return _shown(agreement_of(views, np.isin(comparison_U, list(wanted)), BRIEF), BRIEF)
