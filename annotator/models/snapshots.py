"""What was known when a round was frozen."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class Snapshot(models.Model):
    """An immutable, versioned export folder. The row and the folder never change.

    path    folder below the store
    sha256  digest of the folder's manifest, which holds the digests of its files
    """

    project = models.ForeignKey("annotator.Project", models.CASCADE, related_name="snapshots")
    round = models.OneToOneField("annotator.Round", models.CASCADE, related_name="snapshot")
    version = models.PositiveIntegerField()
    path = models.CharField(max_length=300)
    sha256 = models.CharField(max_length=64)
    counts = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-version"]
        constraints = [
            models.UniqueConstraint(fields=["project", "version"], name="snapshot_version_once_per_project"),
        ]

    def __str__(self) -> str:
        return f"{self.project}, snapshot v{self.version}"
