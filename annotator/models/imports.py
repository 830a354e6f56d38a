"""Files that were brought into a project, and what came of them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from annotator.domain.lifecycles import LIVE_IMPORT, ImportState
from annotator.models.choices import choices_of, one_of


class Import(models.Model):
    """One file or folder on its way in.

    name      what its owner calls it: the name of the file, or of the data set
    dataset   domain.hubs.DatasetName as it was asked for; empty for what does not come from a hub
    fetched   bytes of it that a worker has fetched, of `size`
    path      where it lies: below the store, or absolute where it lay on the server already
    format    how it is read; empty until that is known
    columns   role → column, where the format is "columns"
    license   terms of the rows that name none of their own
    sample    what a look at its first rows found, for the page
    position  records of the file that are in; an import that is taken up again begins behind them
    counts    services.import_batches.ImportCounts up to there, and the length of the error file
    notes     what was left aside, and prompts that are nearly the same
    attempt   grows with every claim; only the newest attempt may write
    """

    project = models.ForeignKey("annotator.Project", models.CASCADE, related_name="imports")
    name = models.CharField(max_length=200)
    dataset = models.CharField(max_length=400, blank=True, db_default="")
    fetched = models.BigIntegerField(default=0, db_default=0)
    path = models.CharField(max_length=1000)
    size = models.BigIntegerField(default=0)
    format = models.CharField(max_length=40, blank=True)
    columns = models.JSONField(default=dict)
    license = models.CharField(max_length=100, blank=True, db_default="")
    sample = models.JSONField(default=dict)
    state = models.CharField(max_length=12, choices=choices_of(ImportState), default=ImportState.UPLOADED.value)
    position = models.BigIntegerField(default=0)
    counts = models.JSONField(default=dict)
    notes = models.JSONField(default=list)
    error = models.TextField(blank=True)
    added_by = models.ForeignKey("annotator.User", models.SET_NULL, null=True, related_name="+")
    attempt = models.PositiveIntegerField(default=0)
    added_at = models.DateTimeField(default=timezone.now)
    rung_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=one_of(ImportState)), name="import_state_is_known"),
        ]
        indexes = [
            models.Index(
                fields=["state"], condition=Q(state__in=["fetching", "waiting", "reading"]), name="import_live"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_live(self) -> bool:
        return self.state in LIVE_IMPORT

    @property
    def seconds(self) -> float | None:
        """From the newest claim to the end, None before."""
        if self.started_at is None:
            return None
        return ((self.finished_at or timezone.now()) - self.started_at).total_seconds()
