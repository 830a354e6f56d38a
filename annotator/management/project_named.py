"""How commands find the project that they are told about."""

from __future__ import annotations

from django.core.management import CommandError
from django.db.models import Q

from annotator.models import Project


def project_named(name: str) -> Project | None:
    """The project with this slug or name, None without one. Raises CommandError when several fit."""
    found = Project.objects.filter(Q(slug=name) | Q(name=name)).order_by("id")[:2]
    if len(found) > 1:
        slugs = " and ".join(project.slug for project in found)
        raise CommandError(f"Several projects are called “{name}”: {slugs}. Say --project with the slug.")
    return found[0] if found else None


def project_that_exists(name: str) -> Project:
    """The project with this slug or name. Raises CommandError naming those there are."""
    project = project_named(name)
    if project is None:
        known = ", ".join(Project.objects.order_by("slug").values_list("slug", flat=True)[:20]) or "none yet"
        raise CommandError(f"There is no project “{name}”. There is: {known}.")
    return project
