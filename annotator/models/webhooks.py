"""Who is told when something happens in a project, and how the telling went."""

from __future__ import annotations

import json
import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Webhook(models.Model):
    """An address outside that hears of some kinds of event. It is told in order, one delivery at a time.

    secret          signs what is sent, so it is kept as it is; a page shows it once
    secret_before   the one before, which signs too until `secret_before_until`
    busy_until      since when a worker sends to it, and until when that worker may take
    failing_since   the first failure after the last success, None while all is well
    stopped_at      since when it hears nothing, because an owner said so or it failed for too long
    """

    project = models.ForeignKey("annotator.Project", models.CASCADE, related_name="webhooks")
    url = models.CharField(max_length=500)
    kinds = ArrayField(models.CharField(max_length=40))
    secret = models.CharField(max_length=100)
    secret_before = models.CharField(max_length=100, blank=True)
    secret_before_until = models.DateTimeField(null=True)
    busy_until = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    stopped_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["project", "url"], name="webhook_url_once_per_project"),
            models.CheckConstraint(condition=~Q(kinds=[]), name="webhook_hears_something"),
        ]

    def __str__(self) -> str:
        return self.url


class WebhookEvent(models.Model):
    """Something that happened, written in the transaction in which it happened. Rows never change.

    key   the message id, the same at every attempt, so that receivers can leave out what they know
    data  ids and links, never texts
    """

    project = models.ForeignKey("annotator.Project", models.CASCADE, related_name="webhook_events")
    key = models.UUIDField(default=uuid.uuid4, unique=True)
    kind = models.CharField(max_length=40)
    data = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return self.kind


class DeliveryState(models.TextChoices):
    WAITING = "waiting", _("waiting")  # due at due_at
    DELIVERED = "delivered", _("delivered")
    GIVEN_UP = "given_up", _("given up")  # after the last attempt


class Delivery(models.Model):
    """One event on its way to one webhook, and how the newest attempt ended.

    status  of the answer, None when there was none; answer: its first characters
    error   why it does not count as delivered, a sentence
    """

    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="deliveries")
    event = models.ForeignKey(WebhookEvent, models.CASCADE, related_name="deliveries")
    state = models.CharField(max_length=10, choices=DeliveryState.choices, default=DeliveryState.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now)
    attempted_at = models.DateTimeField(null=True)
    seconds = models.FloatField(null=True)
    status = models.PositiveSmallIntegerField(null=True)
    answer = models.TextField(blank=True)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["webhook", "event"], name="delivery_once_per_webhook_and_event"),
            models.CheckConstraint(condition=Q(state__in=DeliveryState.values), name="delivery_state_is_known"),
        ]
        indexes = [
            models.Index(fields=["webhook", "due_at"], condition=Q(state="waiting"), name="delivery_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.event} to {self.webhook}"

    @property
    def body(self) -> str:
        """The data as it is sent, to be read by people."""
        return json.dumps(self.event.data, indent=2)
