"""What an owner sees of the gold comparisons: which there are, and how they are answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet

from annotator.domain.gold import USE_WORDS, GoldUse
from annotator.models import Comparison, Gold, Project
from annotator.selectors.entrance import gold_for


@dataclass(frozen=True)
class Supply:
    """How many questions the exam wants, and how many there are to ask. Too few, and nobody is examined."""

    wanted: int
    there: int

    @property
    def is_short(self) -> bool:
        return self.there < self.wanted


def examples_of(project: Project) -> QuerySet[Gold]:
    """What stands beside the guidelines."""
    return project.gold.filter(use=GoldUse.EXAMPLE, retired_at=None)


def gold_asked(project: Project) -> list[tuple[str, list[Gold]]]:
    """By use, each with how often it was `asked` and answered right: one that nobody gets right may be wrong itself."""
    rows = (
        project.gold.filter(retired_at=None)
        .annotate(
            asked=Count("answers", filter=Q(answers__is_right__isnull=False)),
            got=Count("answers", filter=Q(answers__is_right=True)),
        )
        .order_by("pk")
    )
    return [(USE_WORDS[use], [gold for gold in rows if gold.use == use]) for use in GoldUse]


def gold_found(project: Project, *, use: str = "", is_retired: bool | None = None) -> QuerySet[Gold]:
    """Each with how often it was `answered` in practice and exams, and how often right."""
    rows = project.gold.annotate(
        answered=Count("answers", filter=Q(answers__is_right__isnull=False)),
        answered_right=Count("answers", filter=Q(answers__is_right=True)),
    )
    if use:
        rows = rows.filter(use=use)
    return rows if is_retired is None else rows.filter(retired_at__isnull=not is_retired)


def exam_supply(project: Project) -> Supply:
    return Supply(project.exam_questions, len(gold_for(project, GoldUse.EXAM)))


def gold_typed(comparison: Comparison) -> dict[str, Any]:
    """A comparison as it would be typed into the form."""
    messages = comparison.prompt.messages
    before = [turn["content"] for turn in messages[:-1]]
    return {
        "system": "\n\n".join(before),
        "prompt": messages[-1]["content"],
        "first": comparison.first.text,
        "second": comparison.second.text,
    }
