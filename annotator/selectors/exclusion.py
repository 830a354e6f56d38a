"""Raters whom an owner excluded: who they are, and how much pages leave out."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import F, Sum

from annotator.domain.lifecycles import RoundState
from annotator.models import Project, RaterHour, Round


@dataclass(frozen=True)
class LeftOut:
    """How many judgments of how many excluded raters nothing is counted and learnt from."""

    judgments: int
    raters: int


def excluded_of(project: Project) -> frozenset[int]:
    """The ids of the people whose judgments do not count in this project, until an owner takes them back."""
    return frozenset(project.members.filter(excluded_at__isnull=False).values_list("user_id", flat=True))


def left_out(scope: Project | Round) -> LeftOut:
    """Of a round, or of all rounds that were not given up."""
    project = scope.project if isinstance(scope, Round) else scope
    excluded = excluded_of(project)
    if not excluded:
        return LeftOut(0, 0)
    hours = RaterHour.objects.filter(rater__in=excluded)
    if isinstance(scope, Round):
        hours = hours.filter(round=scope)
    else:
        hours = hours.filter(round__project=project).exclude(round__state=RoundState.ABANDONED)
    return LeftOut(hours.aggregate(n=Sum(F("answered") - F("checks")))["n"] or 0, len(excluded))
