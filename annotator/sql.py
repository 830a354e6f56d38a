"""Statements that run once per judgment: prepared on the connection, so that Postgres plans them once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection
from psycopg.rows import TupleRow


def rows(statement: str, parameters: Sequence[Any] = ()) -> list[TupleRow]:
    """What `statement` returns, on Django's own connection and inside its transaction.

    Django binds on the client, where nothing can be prepared; this binds on the
    server. Behind a pooler that shares connections between transactions
    (TIEBREAK_DATABASE_CURSORS=0) nothing is prepared. Raises as Django's own cursors do.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(statement, parameters, prepare=PREPARES)
        return cursor.fetchall() if cursor.description else []


PREPARES = not settings.DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"]
