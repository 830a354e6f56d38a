"""A person's tokens."""

from __future__ import annotations

from django.db.models import QuerySet

from annotator.models import Token, User


def tokens_of(user: User) -> QuerySet[Token]:
    """Newest first, also those that ended."""
    return user.tokens.select_related("project").order_by("-pk")
