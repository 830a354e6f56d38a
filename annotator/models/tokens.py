"""What programs sign in with, and what they were answered."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from annotator.domain.scopes import Scope
from annotator.models.choices import one_of


class Token(models.Model):
    """A secret that acts for a person, within its scopes, until it ends. Rows are never deleted: they are the record.

    hint     the first letters of the secret, to tell tokens apart; of the secret itself only the hash is kept
    project  the only project that it opens, None for all of its person's
    """

    user = models.ForeignKey("annotator.User", models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=80)
    scopes = ArrayField(models.CharField(max_length=10))
    project = models.ForeignKey("annotator.Project", models.CASCADE, null=True, related_name="+")
    hint = models.CharField(max_length=12)
    sha256 = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(scopes__contained_by=one_of(Scope)) & ~Q(scopes=[]), name="token_scopes_are_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"

    @property
    def is_open(self) -> bool:
        return self.revoked_at is None and self.expires_at > timezone.now()


class Receipt(models.Model):
    """What a write that came with an idempotency key was answered, so that sending it again does it once.

    request_sha256  of method, address and body: the same key with another request is a mistake
    """

    user = models.ForeignKey("annotator.User", models.CASCADE, related_name="+", db_index=False)
    key = models.CharField(max_length=200)
    request_sha256 = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    body = models.JSONField(null=True)
    headers = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="receipt_once_per_user_and_key")]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.key}"
