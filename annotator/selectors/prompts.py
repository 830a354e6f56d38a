"""Prompts, page by page, and what was answered to one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from annotator.models import Assignment, Comparison, Project, Prompt, Response, Split

PAGE = 40


@dataclass(frozen=True)
class Page:
    """Some prompts, and the ids that the neighbouring pages start behind.

    Pages are cut by id, not by offset: the millionth prompt is as near as the first.
    """

    prompts: Sequence[Prompt]
    older: int | None
    newer: int | None


def prompts_page(
    project: Project, *, before: int | None = None, after: int | None = None, split: str = "", words: str = ""
) -> Page:
    """Newest first. `before` and `after` are prompt ids; `words` must all occur in the text."""
    answers = Response.objects.filter(prompt=OuterRef("pk")).order_by().values("prompt").values(count=Count("*"))
    # Counted for the rows that are shown; a join would be grouped for all prompts of the project first.
    prompts = prompts_found(project, split=split, words=words).annotate(answers=Coalesce(Subquery(answers), 0))
    if after is not None:
        rows = list(prompts.filter(pk__gt=after).order_by("pk")[: PAGE + 1])
        shown = rows[:PAGE][::-1]
        return Page(shown, shown[-1].pk if shown else None, shown[0].pk if len(rows) > PAGE else None)
    rows = list((prompts.filter(pk__lt=before) if before else prompts).order_by("-pk")[: PAGE + 1])
    shown = rows[:PAGE]
    return Page(shown, shown[-1].pk if len(rows) > PAGE else None, shown[0].pk if before and shown else None)


def prompts_found(project: Project, *, split: str = "", words: str = "") -> QuerySet[Prompt]:
    """Those of the split, if one is named, in which all the words occur."""
    prompts = Prompt.objects.filter(project=project)
    if split in Split.values:
        prompts = prompts.filter(split=split)
    for word in words.split()[:8]:
        prompts = prompts.filter(messages__icontains=word)
    return prompts


def prompt_counts(project: Project) -> dict[str, int]:
    return project.prompts.aggregate(
        all=Count("id"),
        train=Count("id", filter=Q(split=Split.TRAIN)),
        holdout=Count("id", filter=Q(split=Split.HOLDOUT)),
    )


def responses_of(prompt: Prompt) -> QuerySet[Response]:
    """All answers to a prompt with who wrote them, newest first."""
    return prompt.responses.select_related("checkpoint", "run").order_by("-pk")


def comparisons_of(prompt: Prompt) -> QuerySet[Comparison]:
    """The comparisons made from a prompt's answers, newest first, with the current judgments."""
    return (
        prompt.comparisons.select_related("round", "first__checkpoint", "second__checkpoint")
        .prefetch_related(
            Prefetch("assignments", Assignment.objects.filter(check_kind="").select_related("rater")),
            "assignments__judgments__superseded_by",
        )
        .order_by("-pk")
    )
