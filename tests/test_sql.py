"""Statements by hand: what they keep, and what they do while others wait."""

from __future__ import annotations

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import DataError, connection, transaction

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


@pytest.mark.django_db
def test_statements_are_answered_ahead_inside_the_transaction_while_others_wait_for_their_turn() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE noted (number int) ON COMMIT DROP")
        cursor.execute("INSERT INTO noted VALUES (1), (2)")
        with sql.Ahead() as ahead:
            taken = ahead.asked(
                ["SELECT number + %(more)s::int FROM noted ORDER BY 1", "SELECT %(word)s::text"],
                {"more": 1, "word": "é"},
            )
            cursor.execute("INSERT INTO noted VALUES (9)")

            assert taken() == [[(2,), (3,)], [("é",)]]


@pytest.mark.django_db
def test_what_goes_wrong_ahead_is_raised_where_its_rows_are_taken() -> None:
    def asked() -> None:
        with transaction.atomic(), sql.Ahead() as ahead:
            ahead.asked(["SELECT 1 / %(n)s::int"], {"n": 0})()

    with pytest.raises(DataError, match="division by zero"):
        asked()
