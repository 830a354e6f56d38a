"""Writes that may be sent twice and are done once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from annotator.exceptions import InputInvalid, StillAtIt
from annotator.models import Receipt, User
from annotator.sql import rows

KEPT = timedelta(hours=24)


def receipt_of(*, user: User, key: str, request_sha256: str, now: datetime | None = None) -> Receipt | None:
    """What this user's write with this key was answered, None for the first time, whose transaction then holds the key.

    Raises StillAtIt while another transaction holds it, InputInvalid for the same key with another request.
    """
    [(is_ours,)] = rows("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, %s))", [key, user.pk])
    if not is_ours:
        raise StillAtIt
    now = now or timezone.now()
    Receipt.objects.filter(user=user, key=key, created_at__lt=now - KEPT).delete()
    known = Receipt.objects.filter(user=user, key=key).first()
    if known is not None and known.request_sha256 != request_sha256:
        raise InputInvalid(_("This idempotency key was used for another request. Draw a new key for each write."))
    return known


def receipt_keep(
    *, user: User, key: str, request_sha256: str, status: int, body: Any, headers: dict[str, str]
) -> Receipt:
    """Keep what was answered, in the transaction of the write itself: both are stored, or neither."""
    return Receipt.objects.create(
        user=user, key=key, request_sha256=request_sha256, status=status, body=body, headers=headers
    )


def receipts_sweep(*, now: datetime | None = None) -> int:
    """Forget what nobody may ask for any more; return how many."""
    deleted, _by_model = Receipt.objects.filter(created_at__lt=(now or timezone.now()) - KEPT).delete()
    return deleted
