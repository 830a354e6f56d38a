"""The cast in front of a real browser."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.signals import request_finished, request_started
from django.test import Client

from annotator.models import User
from tests.cast import cast, collecting, turned

__all__ = ["cast", "collecting", "sign_in", "turned", "window"]

SignIn = Callable[[Any, User], None]


@pytest.fixture(autouse=True)
def _answered(live_server: Any) -> Iterator[None]:
    """After the windows are closed: wait for what they still asked for, or the tables are emptied under its feet."""
    open_requests: set[int] = set()
    none_open = threading.Condition()

    def begun(**_: Any) -> None:
        with none_open:
            open_requests.add(threading.get_ident())

    def ended(**_: Any) -> None:
        with none_open:
            open_requests.discard(threading.get_ident())
            none_open.notify_all()

    request_started.connect(begun)
    request_finished.connect(ended)
    yield
    with none_open:
        none_open.wait_for(lambda: not open_requests, timeout=10)
    request_started.disconnect(begun)
    request_finished.disconnect(ended)


@pytest.fixture
def sign_in(live_server: Any) -> SignIn:
    """Give this page's browser the session of a person; the log-in form has a test of its own."""

    def signed(page: Any, user: User) -> None:
        client = Client()
        client.force_login(user)
        cookie = client.cookies[settings.SESSION_COOKIE_NAME]
        page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": live_server.url}])

    return signed


@pytest.fixture
def window(browser: Any, live_server: Any) -> Iterator[Callable[..., Any]]:
    """Further windows with options of their own (size, colour scheme, no JavaScript); errors are the test's affair."""
    contexts = []

    def opened(**options: Any) -> Any:
        contexts.append(browser.new_context(base_url=live_server.url, **options))
        contexts[-1].set_default_timeout(30_000)
        return contexts[-1].new_page()

    yield opened
    for context in contexts:
        context.close()
