"""The operator's admin: accounts can be changed, everything else is read.

Rows are changed by services only, which keep their invariants together; here
an operator looks things up, resets passwords and says who may start projects.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.http import HttpRequest

from annotator import models

admin.site.site_header = admin.site.site_title = "Tiebreak, for operators"
admin.site.register(models.User, UserAdmin)


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]  # Django’s own class takes no parameter at run time
    """Look, but do not touch."""

    show_full_result_count = False  # counting a million rows to show twenty

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(models.Project)
class ProjectAdmin(ReadOnly):
    list_display = ("name", "slug", "base_model", "created_at")
    search_fields = ("name", "slug")


@admin.register(models.Member)
class MemberAdmin(ReadOnly):
    list_display = ("user", "project", "role")
    list_filter = ("role",)
    search_fields = ("user__username", "project__slug")
    list_select_related = ("user", "project")


@admin.register(models.Round)
class RoundAdmin(ReadOnly):
    list_display = ("project", "number", "state", "opened_at", "launched_at", "closed_at")
    list_filter = ("state",)
    list_select_related = ("project",)


@admin.register(models.Run)
class RunAdmin(ReadOnly):
    list_display = ("id", "project", "kind", "state", "attempt", "worker", "queued_at", "heartbeat_at")
    list_filter = ("state", "kind")
    list_select_related = ("project",)


@admin.register(models.Assignment)
class AssignmentAdmin(ReadOnly):
    list_display = ("id", "rater", "state", "claimed_at", "leased_until")
    list_filter = ("state",)
    search_fields = ("rater__username",)
    list_select_related = ("rater",)
    raw_id_fields = ("comparison",)


@admin.register(models.Checkpoint)
class CheckpointAdmin(ReadOnly):
    list_display = ("name", "project", "kind", "state", "created_at")
    list_filter = ("kind", "state")
    list_select_related = ("project",)


@admin.register(models.Snapshot)
class SnapshotAdmin(ReadOnly):
    list_display = ("project", "version", "sha256", "created_at")
    list_select_related = ("project",)
