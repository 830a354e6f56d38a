"""How raters are asked, version by version."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.functional import cached_property

from annotator.domain.asking import Asking, ReasonWish


class Protocol(models.Model):
    """One published version of what a project asks about a pair. Rows never change.

    outcomes  what may be answered beside a preference
    criteria  [{"code", "name", "question", "preset"}], asked beside the overall question
    ratings   [{"code", "name"}], 0–4 points for each answer
    reasons   sentences to tick
    """

    project = models.ForeignKey("annotator.Project", models.CASCADE, related_name="protocols")
    version = models.PositiveIntegerField()
    preset = models.CharField(max_length=40)
    outcomes = models.JSONField(default=list)
    criteria = models.JSONField(default=list)
    ratings = models.JSONField(default=list)
    reason = models.CharField(max_length=10, default=ReasonWish.OPTIONAL.value)
    reason_min = models.PositiveSmallIntegerField(default=0)
    reasons = models.JSONField(default=list)
    edit = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-version"]
        constraints = [
            models.UniqueConstraint(fields=["project", "version"], name="protocol_version_once_per_project"),
        ]

    def __str__(self) -> str:
        return f"{self.project}, protocol v{self.version}"

    @cached_property
    def asking(self) -> Asking:
        return Asking.of(
            preset=self.preset,
            outcomes=self.outcomes,
            criteria=self.criteria,
            ratings=self.ratings,
            reason=self.reason,
            reason_min=self.reason_min,
            reasons=self.reasons,
            edit=self.edit,
        )
