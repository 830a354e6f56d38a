"""Idempotency keys that a test can name."""

from __future__ import annotations

import uuid


def key(number: int) -> uuid.UUID:
    return uuid.UUID(int=number)
