"""Statements that run once per judgment: prepared on the connection, so that Postgres plans them once."""

from __future__ import annotations

import json
import logging
import re
import select
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, cast
from weakref import WeakKeyDictionary

import psycopg
from django.conf import settings
from django.db import connection
from django.db.models import Field, JSONField, Model
from django.db.models.base import ModelState
from psycopg.abc import Transformer as Loading
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.rows import TupleRow

log = logging.getLogger(__name__)

PREPARES = not settings.DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"]
READ = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)
FAILED = (ExecStatus.FATAL_ERROR, ExecStatus.BAD_RESPONSE)
BINARY = 1
# Seconds after which a thread that computes gives the interpreter to one that Postgres answered. In Python's own 5 ms
# Postgres would have answered most statements, and has none to answer.
HANDED_OVER = 0.0005
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


@dataclass
class Question:
    """A statement that may go to Postgres along with others: see `together`."""

    statement: str
    parameters: dict[str, Any]
    answer: list[TupleRow] | None = None

    def rows(self) -> list[TupleRow]:
        """What came back; where nothing did yet, it is asked for now."""
        return rows(self.statement, self.parameters) if self.answer is None else self.answer


def together(questions: Sequence[Question]) -> None:
    """Have them answered in order, in one transaction of their own and one journey to Postgres and back.

    Each sees what those before it did. When one fails, or their end does, nothing was done and none has an answer: each
    succeeds or fails by itself when its rows are asked for. So it is behind a pooler from the beginning, where nothing
    is prepared. Not for inside of a transaction. Raises OperationalError when Postgres goes away.
    """
    if not PREPARES:
        return
    connection.ensure_connection()
    ours: psycopg.Connection[TupleRow] = connection.connection
    with connection.wrap_database_errors:
        try:
            bound = [_bound(ours, one.statement, one.parameters) for one in questions]
        except psycopg.Error as error:  # one cannot even be prepared
            _say_why(error)
            return
        try:
            results = _results([(name, sent) for _adapting, name, sent in bound], ours.pgconn)
        except BaseException:
            ours.close()  # Postgres went away, or we were called away in the middle of its answers
            raise
        if failed := next((result for result in results if result.status in FAILED), None):
            _say_why(error_from_result(failed, encoding="utf-8"))
            return
        for question, (adapting, *_sent), result in zip(questions, bound, results, strict=False):
            question.answer = _loaded(adapting, result)


def _say_why(error: psycopg.Error) -> None:
    """Without its details, which may quote what somebody wrote."""
    log.warning("Asked one by one instead of together: %s %s", error.sqlstate, error.diag.message_primary)


def _results(prepared: Sequence[tuple[bytes, Sequence[bytes]]], libpq: PGconn) -> list[PGresult]:
    """Of each; where what was put off to the end of the transaction fails there, that failure comes last."""
    libpq.enter_pipeline_mode()
    for name, sent in prepared:
        libpq.send_query_prepared(name, sent)
    libpq.pipeline_sync()  # which ends the transaction
    results: list[PGresult] = []
    while (result := _result(libpq)) is None or result.status != ExecStatus.PIPELINE_SYNC:
        if libpq.status != ConnStatus.OK:
            raise psycopg.OperationalError(f"Postgres broke off: {libpq.get_error_message()}")
        if result is not None:  # None stands between what one statement and the next one said
            results.append(result)
    libpq.exit_pipeline_mode()
    return results


def _result(libpq: PGconn) -> PGresult | None:
    """The next one. libpq itself would wait for it with the interpreter's lock in its hand."""
    while libpq.is_busy():
        is_more_to_send = libpq.flush()
        moment = select.poll()
        moment.register(libpq.socket, select.POLLIN | (select.POLLOUT if is_more_to_send else 0))
        moment.poll()
        libpq.consume_input()
    return libpq.get_result()


class Ahead:
    """Statements that Postgres answers in a thread, while the caller still works on what it answered before.

    They run one after the other on Django's own connection and inside its transaction. What else wants the
    connection meanwhile waits for its turn, unless it is `rows`, which must not be called before the answer is taken.
    Nothing is prepared, so a pooler may share the connection. JSON comes as text.
    """

    def __enter__(self) -> Ahead:
        rows("SELECT")  # a transaction that has yet to begin begins here
        self.ours: psycopg.Connection[TupleRow] = connection.connection
        self.adapting = Transformer(self.ours.adapters)
        self.thread = ThreadPoolExecutor(1)
        self.interval = sys.getswitchinterval()
        sys.setswitchinterval(min(self.interval, HANDED_OVER))
        return self

    def __exit__(self, *_: object) -> None:
        sys.setswitchinterval(self.interval)
        self.thread.shutdown(cancel_futures=True)

    def asked(self, statements: Sequence[str], parameters: dict[str, Any]) -> Callable[[], list[list[TupleRow]]]:
        """What takes the rows of each statement, once they are there. Raises as Django's own cursors do."""
        sent = []
        for statement in statements:
            numbered, order = _numbered(statement)
            values = self.adapting.dump_sequence([parameters[name] for name in order], [PyFormat.TEXT] * len(order))
            sent.append((numbered, cast("Sequence[bytes]", values)))
        coming = self.thread.submit(self._results, sent)

        def taken() -> list[list[TupleRow]]:
            with connection.wrap_database_errors:
                return [_loaded(self.adapting, result) for result in coming.result()]

        return taken

    def _results(self, sent: Sequence[tuple[bytes, Sequence[bytes]]]) -> list[PGresult]:
        """Without a line of Python for each row: the thread leaves the interpreter to the caller."""
        with self.ours.lock:
            return [self.ours.pgconn.exec_params(statement, values, result_format=BINARY) for statement, values in sent]


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
    adapting, name, sent = _bound(ours, statement, parameters)
    return _loaded(adapting, ours.pgconn.exec_prepared(name, sent))


def _bound(
    ours: psycopg.Connection[TupleRow], statement: str, parameters: Sequence[Any] | dict[str, Any]
) -> tuple[Loading, bytes, Sequence[bytes]]:
    """The name of the statement on this connection, prepared there if it was not yet, and what stands in its places."""
    if (known := _prepared.get(ours)) is None:
        known = _prepared[ours] = _Prepared(ours)
    if (found := known.statements.get(statement)) is None:
        found = known.statements[statement] = _prepare(ours, statement, f"tiebreak_{len(known.statements)}".encode())
    name, order = found
    values = [parameters[place] for place in order] if isinstance(parameters, dict) else parameters
    adapting = known.adapting
    sent = cast("Sequence[bytes]", adapting.dump_sequence(values, [PyFormat.TEXT] * len(values)))  # None stays NULL
    return adapting, name, sent


def _loaded(adapting: Loading, result: PGresult) -> list[TupleRow]:
    if result.status not in READ:
        raise error_from_result(result, encoding="utf-8")
    adapting.set_pgresult(result)
    found = adapting.load_rows(0, result.ntuples, tuple) if result.ntuples else []
    adapting.set_pgresult(None)  # or the connection would hold it
    return found


def _prepare(ours: psycopg.Connection[TupleRow], statement: str, name: bytes) -> tuple[bytes, list[str]]:
    numbered, order = _numbered(statement)
    result = ours.pgconn.prepare(name, numbered)
    if result.status not in READ:
        raise error_from_result(result, encoding="utf-8")
    return name, order


def _numbered(statement: str) -> tuple[bytes, list[str]]:
    """With its places as Postgres names them, and what stands in each of these."""
    order: list[str] = []

    def numbered(place: re.Match[str]) -> str:
        if place[1] is None or place[1] not in order:
            order.append(place[1] or "")
            return f"${len(order)}"
        return f"${order.index(place[1]) + 1}"

    return PLACE.sub(numbered, statement).replace("%%", "%").encode(), order


class Part:
    """Some columns of a model in a statement that is written by hand."""

    def __init__(self, model: type[Model], alias: str, *names: str) -> None:
        self.model = model
        fields = [cast("Field[Any, Any]", model._meta.get_field(name)) for name in names]
        self.names = [field.attname for field in fields]
        self.decoded = [field.attname for field in fields if isinstance(field, JSONField)]
        self.columns = ", ".join(f"{alias}.{name}" for name in self.names)

    def made(self, values: Sequence[Any]) -> Any:
        """A row that knows these columns, and reads its others when they are asked for.

        As unpickling makes one, because `Model.__init__` sets up each field anew.
        """
        row = self.model.__new__(self.model)
        row._state = ModelState()
        row._state.adding, row._state.db = False, "default"
        known = row.__dict__
        known.update(zip(self.names, values, strict=True))
        for name in self.decoded:  # Django leaves decoding JSON to its fields
            known[name] = json.loads(known[name])
        return row


def parted(parts: Sequence[Part], values: Sequence[Any]) -> list[Any]:
    """One row of a statement that selects the columns of `parts`, as a model's row each."""
    made, at = [], 0
    for part in parts:
        made.append(part.made(values[at : at + len(part.names)]))
        at += len(part.names)
    return made
