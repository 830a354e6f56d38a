"""Datasets on their way to places outside."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from annotator.domain.lifecycles import LIVE_SENDING, SendingState
from annotator.models.choices import choices_of, one_of


class Depot(models.TextChoices):
    HUB = "hub"  # the model hub that the operator configured
    STORAGE = "storage"  # the S3-compatible storage that the operator configured


class Sending(models.Model):
    """One dataset that is sent to one place.

    place    the repository on the hub, or the folder in the storage
    address  where it is, once it was sent
    """

    dataset = models.ForeignKey("annotator.Dataset", models.CASCADE, related_name="sendings")
    depot = models.CharField(max_length=10, choices=Depot.choices)
    place = models.CharField(max_length=300)
    is_private = models.BooleanField(default=True)
    state = models.CharField(max_length=10, choices=choices_of(SendingState), default=SendingState.WAITING.value)
    address = models.CharField(max_length=500, blank=True)
    error = models.TextField(blank=True)
    attempt = models.PositiveIntegerField(default=0)
    asked_by = models.ForeignKey("annotator.User", models.SET_NULL, null=True, related_name="+")
    asked_at = models.DateTimeField(default=timezone.now)
    rung_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=one_of(SendingState)), name="sending_state_is_known"),
            models.CheckConstraint(condition=Q(depot__in=Depot.values), name="sending_depot_is_known"),
            models.UniqueConstraint(
                fields=["dataset", "depot", "place"],
                condition=Q(state__in=["waiting", "sending"]),
                name="sending_once_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dataset} to {self.place}"

    @property
    def is_live(self) -> bool:
        return self.state in LIVE_SENDING
