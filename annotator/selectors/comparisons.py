"""The comparisons of a round and what was said about them, row by row."""

from __future__ import annotations

from django.db.models import F, QuerySet

from annotator.models import Comparison, Judgment, Round


def comparisons_in(
    round: Round, *, prompt: int | None = None, is_set_aside: bool | None = None, is_complete: bool | None = None
) -> QuerySet[Comparison]:
    rows = Comparison.objects.filter(round=round).select_related("round")
    if prompt is not None:
        rows = rows.filter(prompt=prompt)
    if is_set_aside is not None:
        rows = rows.filter(set_aside_at__isnull=not is_set_aside)
    if is_complete is not None:
        rows = rows.filter(answered__gte=F("wanted")) if is_complete else rows.filter(answered__lt=F("wanted"))
    return rows


def judgments_in(
    round: Round, *, comparison: int | None = None, rater: str = "", is_current: bool | None = None
) -> QuerySet[Judgment]:
    """With whoever gave them; corrected ones too, unless only current ones are wanted."""
    rows = Judgment.objects.filter(assignment__comparison__round=round)
    rows = rows.select_related("assignment__rater", "assignment__comparison__round")
    if comparison is not None:
        rows = rows.filter(assignment__comparison=comparison)
    if rater:
        rows = rows.filter(assignment__rater__username=rater)
    if is_current is not None:
        rows = rows.filter(superseded_by__isnull=is_current)
    return rows
