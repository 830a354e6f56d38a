"""Statements that run once per judgment: prepared on the connection, so that Postgres plans them once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, cast
from weakref import WeakKeyDictionary

import psycopg
from django.conf import settings
from django.db import connection
from django.db.models import Field, JSONField, Model
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.rows import TupleRow

PREPARES = not settings.DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"]
READ = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)
PLACE = re.compile(r"%(?:\((\w+)\))?s")


def rows(statement: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[TupleRow]:
    """What `statement` returns, on Django's own connection and inside its transaction.

    Django binds on the client, where nothing can be prepared; this binds on the
    server. Behind a pooler that shares connections between transactions
    (TIEBREAK_DATABASE_CURSORS=0) nothing is prepared. Raises as Django's own cursors do.

    The types of the parameters are those that Postgres infers, so a place where it cannot needs a cast.
    """
    connection.ensure_connection()
    ours: psycopg.Connection[TupleRow] = connection.connection
    with connection.wrap_database_errors:
        # Where a transaction has yet to begin, psycopg's own cursor begins it.
        begins = not ours.autocommit and ours.pgconn.transaction_status == TransactionStatus.IDLE
        if PREPARES and not begins:
            return _rows_prepared(ours, statement, parameters)
        with psycopg.Cursor(ours) as cursor:
            cursor.execute(statement, parameters)
            result = cursor.pgresult
            return cursor.fetchall() if result and result.nfields else []


def stream(statement: str, parameters: Sequence[Any] | dict[str, Any], *, size: int = 1000) -> Iterator[TupleRow]:
    """The same, `size` rows in memory at a time, while Postgres works on the next ones; JSON comes as text.

    It is one statement, so a pooler may share the connection. Until its end the connection does nothing else.
    """
    connection.ensure_connection()
    ours: psycopg.Connection[TupleRow] = connection.connection
    with connection.wrap_database_errors, psycopg.Cursor(ours) as cursor:
        yield from cursor.stream(statement, parameters, size=size)


class _Prepared:
    """What is prepared on one connection: statement → its name there, and its parameters in their order."""

    def __init__(self, ours: psycopg.Connection[TupleRow]) -> None:
        self.adapting = Transformer(ours.adapters)  # of `ours` itself, it would keep the connection for ever
        self.statements: dict[str, tuple[bytes, list[str]]] = {}


_prepared: WeakKeyDictionary[psycopg.Connection[Any], _Prepared] = WeakKeyDictionary()


def _rows_prepared(
    ours: psycopg.Connection[TupleRow], statement: str, parameters: Sequence[Any] | dict[str, Any]
) -> list[TupleRow]:
    """The same through libpq itself: a cursor's generators cost more than most of these statements."""
    if (known := _prepared.get(ours)) is None:
        known = _prepared[ours] = _Prepared(ours)
    if (found := known.statements.get(statement)) is None:
        found = known.statements[statement] = _prepare(ours, statement, f"tiebreak_{len(known.statements)}".encode())
    name, order = found
    values = [parameters[place] for place in order] if isinstance(parameters, dict) else parameters
    adapting = known.adapting
    sent = cast("Sequence[bytes]", adapting.dump_sequence(values, [PyFormat.TEXT] * len(values)))  # None stays NULL
    result = ours.pgconn.exec_prepared(name, sent)
    if result.status not in READ:
        raise error_from_result(result, encoding="utf-8")
    adapting.set_pgresult(result)
    found_rows = adapting.load_rows(0, result.ntuples, tuple) if result.ntuples else []
    adapting.set_pgresult(None)  # or the connection would hold it
    return found_rows


def _prepare(ours: psycopg.Connection[TupleRow], statement: str, name: bytes) -> tuple[bytes, list[str]]:
    order: list[str] = []

    def numbered(place: re.Match[str]) -> str:
        if place[1] is None or place[1] not in order:
            order.append(place[1] or "")
            return f"${len(order)}"
        return f"${order.index(place[1]) + 1}"

    result = ours.pgconn.prepare(name, PLACE.sub(numbered, statement).replace("%%", "%").encode())
    if result.status not in READ:
        raise error_from_result(result, encoding="utf-8")
    return name, order


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
