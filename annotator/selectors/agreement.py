"""How far raters agree: by question, by person, by pair of people, by tag and by round."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
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
from annotator.models import Checkpoint, CheckpointKind, Comparison, Project, Protocol, Round, User
from annotator.selectors.exclusion import left_out
from annotator.selectors.figures import judgments_number
from annotator.selectors.quality import AGREEMENT, Estimate, agreement_shown, estimate_named
from annotator.selectors.window import Judged, found_in

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


def agreement_tables(scope: Project | Round, *, anew: bool = False) -> AgreementTables | None:
    """None where the worker has not found them yet."""
    project = scope.project if isinstance(scope, Round) else scope

    def find(newest: list[Judged]) -> AgreementTables:
        of = judgments_number(scope) - left_out(scope).judgments
        return _measured(_rows(newest), max(of, len(newest)), _criteria(project))

    return found_in(scope, "agreement", find, anew=anew)


def ceiling_of(tables: AgreementTables, project: Project, round: Round | None = None) -> Ceiling | None:
    """The newest reward model of the project, or of the round; None before there is one that was measured."""
    made = Checkpoint.objects.filter(project=project, kind=CheckpointKind.REWARD, metrics__has_key="reward/accuracy")
    newest = (made.filter(run__round=round) if round else made).select_related("project").order_by("-pk").first()
    if newest is None:
        return None
    return Ceiling(tables.without_ties, estimate_named("reward/accuracy", newest.metrics["reward/accuracy"]), newest)


def _rows(newest: list[Judged]) -> list[_Row]:
    """With what their comparisons are about."""
    comparisons = Comparison.objects.filter(pk__in={one.comparison for one in newest})
    about = {pk: (round, tags) for pk, round, tags in comparisons.values_list("pk", "round__number", "prompt__tags")}
    return [
        _Row(one.comparison, one.rater, one.outcome, one.value, one.criteria, *about[one.comparison]) for one in newest
    ]


def _criteria(project: Project) -> dict[str, str]:
    """Code → name of every criterion that was ever asked, as it was called last."""
    versions = Protocol.objects.filter(project=project).order_by("version").values_list("criteria", flat=True)
    return {row["code"]: row["name"] for criteria in versions for row in criteria}


@dataclass(frozen=True)
class _Row:
    comparison: int
    rater: int
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


def _raters(views: Views, people: Sequence[int]) -> Table:
    found = raters_against_others(views, MOST)
    names = User.objects.in_bulk([people[one.rater] for one in found])
    rows = [
        Row(names[people[one.rater]].username, [agreement_shown(name, getattr(one, name)) for name in OF_RATER])
        for one in found
    ]
    return Table(_titles(OF_RATER), rows, len(people) - len(rows))


def _pairs(views: Views, people: Sequence[int]) -> Table:
    found, there = rater_pairs(views, MOST)
    names = User.objects.in_bulk({people[place] for pair in found for place in (pair.one, pair.other)})
    rows = [
        Row(
            " · ".join(sorted(names[people[place]].username for place in (one.one, one.other))),
            [agreement_shown(name, getattr(one, name)) for name in OF_PAIR],
        )
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
