"""Tokens: made once, shown once, taken back at any time."""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from annotator.domain.scopes import scopes_of
from annotator.exceptions import InputInvalid, TokenRefused
from annotator.models import Member, Token, User

PREFIX = "tb_"  # so that scanners of code and logs know one when they see it
LONGEST_DAYS = 366
MOST_PER_PERSON = 50
USED_EVERY = timedelta(minutes=1)  # how exactly the last use is known; more would write a row per request

log = logging.getLogger(__name__)


def token_create(
    *, user: User, name: str, scopes: Collection[str], days: int, member: Member | None = None
) -> tuple[Token, str]:
    """Make a token; its secret is returned here and nowhere else.

    member  the membership whose project alone it opens, None for all projects of the user
    Raises InputInvalid for an unknown scope, for none, and for a time that is too long.
    """
    try:
        allowed = scopes_of(scopes)
    except ValueError as error:
        raise InputInvalid(_("There is no such scope: %(problem)s.") % {"problem": error}) from error
    if not allowed:
        raise InputInvalid(_("Choose at least one thing that the token is for."))
    if not 1 <= days <= LONGEST_DAYS:
        raise InputInvalid(_("A token lives from 1 to %(most)s days.") % {"most": LONGEST_DAYS})
    if tokens_alive(user) >= MOST_PER_PERSON:
        raise InputInvalid(_("You have %(most)s tokens already; revoke one first.") % {"most": MOST_PER_PERSON})
    secret = PREFIX + secrets.token_urlsafe(32)
    token = Token.objects.create(
        user=user, name=name, scopes=allowed, project=member.project if member else None,
        hint=secret[:9], sha256=digest(secret), expires_at=timezone.now() + timedelta(days=days),
    )  # fmt: skip
    log.info("token %s (%s) made by %s: %s", token.pk, token.hint, user.pk, " ".join(allowed))
    return token, secret


def token_revoke(*, token: Token) -> Token:
    """End a token now. Twice is harmless."""
    if Token.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()):
        log.info("token %s (%s) revoked", token.pk, token.hint)
    token.refresh_from_db()
    return token


def token_used(*, secret: str, now: datetime | None = None) -> Token:
    """The token with this secret, marked as used. Raises TokenRefused, with one sentence for every reason."""
    now = now or timezone.now()
    token = Token.objects.select_related("user", "project").filter(sha256=digest(secret)).first()
    if token is None or not token.is_open or not token.user.is_active:
        raise TokenRefused
    long_ago = Q(last_used_at=None) | Q(last_used_at__lt=now - USED_EVERY)
    if token.last_used_at is None or token.last_used_at < now - USED_EVERY:
        Token.objects.filter(long_ago, pk=token.pk).update(last_used_at=now)
    return token


def tokens_alive(user: User) -> int:
    return Token.objects.filter(user=user, revoked_at=None, expires_at__gt=timezone.now()).count()


def digest(secret: str) -> str:
    """What is kept of a secret. It holds 256 random bits, so one quick hash is enough."""
    return hashlib.sha256(secret.encode(errors="surrogateescape")).hexdigest()
