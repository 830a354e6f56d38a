"""Statements that run on every judgment keep nothing but what they prepared."""

from __future__ import annotations

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection

from annotator import sql


@pytest.mark.django_db
def test_a_connection_that_was_closed_is_let_go() -> None:
    """Each thread of a server has one, and some thousand of them come and go."""

    def asked() -> tuple[list[Any], weakref.ref[Any]]:
        found = sql.rows("SELECT %s::text, %s::timestamptz", ["é", datetime(2026, 1, 2, tzinfo=UTC)])
        ours = weakref.ref(connection.connection)
        connection.close()
        return found, ours

    with ThreadPoolExecutor(1) as other:
        found, ours = other.submit(asked).result()
    gc.collect()

    assert found == [("é", datetime(2026, 1, 2, tzinfo=UTC))]
    assert ours() is None
