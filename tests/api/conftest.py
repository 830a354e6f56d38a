"""The cast, and programs that act for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from annotator.domain.scopes import Scope
from annotator.models import User
from annotator.services.tokens import token_create
from tests.cast import cast, collecting, turned

__all__ = ["cast", "collecting", "program_of", "turned"]


@pytest.fixture
def program_of() -> Callable[..., Client]:
    """A program with a token of this person; None is a program without one."""

    def made(user: User | None, *scopes: str, **more: Any) -> Client:
        if user is None:
            return Client()
        wanted = scopes or [scope.value for scope in Scope]
        _token, secret = token_create(user=user, name="program", scopes=wanted, days=1, **more)
        return Client(headers={"Authorization": f"Bearer {secret}"})

    return made
