"""Statements that run once per judgment: prepared on the connection, so that Postgres plans them once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast

import psycopg
from django.conf import settings
from django.db import connection
from django.db.models import Field, JSONField, Model
from psycopg.rows import TupleRow

PREPARES = not settings.DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"]


def rows(statement: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[TupleRow]:
    """What `statement` returns, on Django's own connection and inside its transaction.

    Django binds on the client, where nothing can be prepared; this binds on the
    server. Behind a pooler that shares connections between transactions
    (TIEBREAK_DATABASE_CURSORS=0) nothing is prepared. Raises as Django's own cursors do.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(statement, parameters, prepare=PREPARES)
        result = cursor.pgresult
        return cursor.fetchall() if result and result.nfields else []


class Part:
    """Some columns of a model in a statement that is written by hand."""

    def __init__(self, model: type[Model], alias: str, *names: str) -> None:
        self.model = model
        fields = [cast("Field[Any, Any]", model._meta.get_field(name)) for name in names]
        self.names = [field.attname for field in fields]
        self.decoded = [place for place, field in enumerate(fields) if isinstance(field, JSONField)]
        self.columns = ", ".join(f"{alias}.{name}" for name in self.names)

    def made(self, values: Sequence[Any]) -> Any:
        """A row that knows these columns, and reads its others when they are asked for."""
        if self.decoded:  # Django leaves decoding JSON to its fields
            values = [json.loads(one) if at in self.decoded else one for at, one in enumerate(values)]
        return self.model.from_db("default", self.names, values)


def parted(parts: Sequence[Part], values: Sequence[Any]) -> list[Any]:
    """One row of a statement that selects the columns of `parts`, as a model's row each."""
    made, at = [], 0
    for part in parts:
        made.append(part.made(values[at : at + len(part.names)]))
        at += len(part.names)
    return made
