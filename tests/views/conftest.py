"""The cast, and how they knock at the doors."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from annotator.models import User
from tests.cast import cast, collecting, turned

__all__ = ["cast", "client_of", "collecting", "turned"]


@pytest.fixture
def client_of() -> Callable[[User | None], Client]:
    """A browser in which this person is signed in; None is nobody."""

    def made(user: User | None) -> Client:
        client = Client()
        if user is not None:
            client.force_login(user)
        return client

    return made
