"""What was known at a moment, in a shape that people train on elsewhere."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from annotator.domain.lifecycles import LIVE_DATASET, DatasetState
from annotator.models.choices import choices_of, one_of


class Dataset(models.Model):
    """One version of a project's data, as a folder of files. Once it is ready, row and folder never change.

    shape        one of domain.datasets.SHAPES; file_format: one of services.dataset_files.FORMATS
    filters      domain.datasets.Filters
    share        how much of the project is written, in [0, 1]
    path         folder below the store
    sha256       digest of the folder's manifest, which holds the digests of its files
    manifest     the same as in the folder
    attempt      grows with every claim; only the newest attempt may write
    """

    project = models.ForeignKey("annotator.Project", models.CASCADE, related_name="datasets")
    version = models.PositiveIntegerField()
    shape = models.CharField(max_length=20)
    file_format = models.CharField(max_length=10)
    filters = models.JSONField(default=dict)
    state = models.CharField(max_length=12, choices=choices_of(DatasetState), default=DatasetState.WAITING.value)
    share = models.FloatField(default=0.0)
    path = models.CharField(max_length=300, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    manifest = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    made_by = models.ForeignKey("annotator.User", models.SET_NULL, null=True, related_name="+")
    attempt = models.PositiveIntegerField(default=0)
    added_at = models.DateTimeField(default=timezone.now)
    rung_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-version"]
        constraints = [
            models.UniqueConstraint(fields=["project", "version"], name="dataset_version_once_per_project"),
            models.CheckConstraint(condition=Q(state__in=one_of(DatasetState)), name="dataset_state_is_known"),
            models.CheckConstraint(condition=~Q(state="ready") | ~Q(sha256=""), name="dataset_ready_is_whole"),
        ]
        indexes = [
            models.Index(fields=["state"], condition=Q(state__in=["waiting", "writing"]), name="dataset_live"),
        ]

    def __str__(self) -> str:
        return f"{self.project}, dataset v{self.version}"

    @property
    def is_live(self) -> bool:
        return self.state in LIVE_DATASET

    @property
    def is_ready(self) -> bool:
        return self.state == DatasetState.READY

    @property
    def percent(self) -> int:
        return int(self.share * 100)

    @property
    def seconds(self) -> float | None:
        """From the newest claim to the end, None before."""
        if self.started_at is None:
            return None
        return ((self.finished_at or timezone.now()) - self.started_at).total_seconds()
