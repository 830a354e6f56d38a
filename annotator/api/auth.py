"""Who asks: a token in the Authorization header, or the session of a browser."""

from __future__ import annotations

from typing import Any

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.request import Request

from annotator.exceptions import TokenRefused
from annotator.models import Token, User
from annotator.services.tokens import token_used

WORD = b"bearer"


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer tb_…`. A request that brings a token is that token's, whatever cookies it brings."""

    def authenticate(self, request: Request) -> tuple[User, Token] | None:
        words = get_authorization_header(request).split()
        if not words:
            return None
        if len(words) != 2 or words[0].lower() != WORD:
            raise TokenRefused
        token = token_used(secret=words[1].decode("latin-1"))
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="Tiebreak"'


def token_of(request: Request) -> Token | None:
    """The token that this request was signed with, None for a session."""
    found: Any = request.auth
    return found if isinstance(found, Token) else None
