"""What was brought into a project, and how far it is."""

from __future__ import annotations

from annotator.models import Import, Project

PAGE = 30


def imports_page(project: Project, *, before: int | None = None) -> tuple[list[Import], int | None]:
    """Imports, newest first, and the id that the next page starts behind."""
    found = Import.objects.filter(project=project).defer("sample", "notes")
    rows = list((found.filter(pk__lt=before) if before else found).order_by("-pk")[: PAGE + 1])
    return rows[:PAGE], rows[PAGE - 1].pk if len(rows) > PAGE else None
