"""The rows of an import as a binary COPY reads them: Python escapes nothing and Postgres parses nothing.

A row is the number of its fields, then each field as its length and its bytes. What a file says of a row is put
together once it is read (`…_said`); what is known once it is stored, the ids and the time, comes in front (`…_row`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from struct import Struct
from typing import Any, NamedTuple

import orjson
from django.db import connection
from psycopg.sql import SQL, Identifier

AT_ONCE = 500  # rows that are sent together
SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
END = b"\xff\xff"
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)  # of Postgres
VARCHAR = 1043  # what the elements of an array say that they are
MANY = 1_000  # different words that are remembered: authors, sources and the like

_length = Struct("!i").pack
_bigint = Struct("!iq").pack
_float = Struct("!id").pack
NULL = _length(-1)
HASHED = _length(64)  # of a SHA-256 in hexadecimal


class Table(NamedTuple):
    name: str
    columns: tuple[str, ...]


PROMPT = Table(
    "annotator_prompt",
    ("id", "created_at", "project_id", "messages", "content_sha256", "split", "tags", "source", "license"),
)
RESPONSE = Table(
    "annotator_response",
    ("id", "created_at", "prompt_id", "text", "text_sha256", "author", "label", "sample", "finish", "sampling"),
)
COMPARISON = Table(
    "annotator_comparison",
    (
        "id", "created_at", "round_id", "prompt_id", "first_id", "second_id", "wanted", "held", "answered", "for_first",
        "for_second", "level", "is_control", "priority", "score", "is_by_count", "audience",
    ),
)  # fmt: skip
ASSIGNMENT = Table(
    "annotator_assignment",
    ("id", "comparison_id", "rater_id", "first_on_left", "leased_until", "claimed_at", "ended_at", "state"),
)
JUDGMENT = Table(
    "annotator_judgment",
    (
        "assignment_id", "key", "created_at", "preferred_id", "guideline_id", "outcome", "value", "preset", "answer",
        "criteria", "ratings", "reasons", "seconds", "rationale", "edited",
    ),
)  # fmt: skip

_prompt = Struct("!hiqiq").pack
_response = Struct("!hiqiqiq").pack
_comparison = Struct("!hiqiqiqiqiqiq").pack
_counts = Struct("!ihihihihihih").pack
_place = Struct("!i?ihidi?").pack
_assignment = Struct("!hiqiqiqi?iqiqiqi8s").pack
_judgment = Struct("!hiqi16siq").pack


def microseconds(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)


def prompt_said(
    project_id: int, messages: Sequence[dict[str, str]], sha256: str, split: str, tags: tuple[str, ...], source: str,
    license: str,
) -> bytes:  # fmt: skip
    rest = _of_its_kind(split, tags, source, license)
    return b"".join((_bigint(8, project_id), json(messages), HASHED, sha256.encode(), rest))


@lru_cache(maxsize=MANY)
def _of_its_kind(split: str, tags: tuple[str, ...], source: str, license: str) -> bytes:
    return text(split) + array(tags) + text(source) + text(license)


def prompt_row(pk: int, now: int, said: bytes) -> bytes:
    return _prompt(9, 8, pk, 8, now) + said


def response_said(data: bytes, sha256: str, author: str, label: bool | None) -> bytes:
    return b"".join((_length(len(data)), data, HASHED, sha256.encode(), _by_itself(author, label)))


@lru_cache(maxsize=MANY)
def _by_itself(author: str, label: bool | None) -> bytes:
    good = NULL if label is None else _length(1) + bytes([label])
    sample = _length(2) + bytes(2)
    return text(author) + good + sample + text("") + json({})


def response_row(pk: int, now: int, prompt_id: int, said: bytes) -> bytes:
    return _response(10, 8, pk, 8, now, 8, prompt_id) + said


@lru_cache(maxsize=MANY)
def comparison_said(
    wanted: int, answered: int, for_first: int, for_second: int, level: int, is_control: bool, priority: int,
    is_by_count: bool, audience: str,
) -> bytes:  # fmt: skip
    """Its counts and where it stands in the queue, which many have in common."""
    counts = _counts(2, wanted, 2, 0, 2, answered, 2, for_first, 2, for_second, 2, level)
    return counts + _place(1, is_control, 2, priority, 8, 0.0, 1, is_by_count) + text(audience)


def comparison_row(pk: int, now: int, round_id: int, prompt_id: int, first: int, second: int, said: bytes) -> bytes:
    return _comparison(17, 8, pk, 8, now, 8, round_id, 8, prompt_id, 8, first, 8, second) + said


def assignment_row(pk: int, now: int, comparison_id: int, rater_id: int, first_on_left: bool) -> bytes:
    return _assignment(
        8, 8, pk, 8, comparison_id, 8, rater_id, 1, first_on_left, 8, now, 8, now, 8, now, 8, b"answered"
    )


@lru_cache(maxsize=MANY)
def judgment_said(outcome: str, value: float | None, preset: str, answer: str) -> bytes:
    """All but what its rater wrote."""
    place = NULL if value is None else _float(8, value)
    rest = json({}) + json({}) + json([]) + _float(8, 0.0)
    return text(outcome) + place + text(preset) + text(answer) + rest


def judgment_row(
    assignment_id: int, key: bytes, now: int, preferred_id: int | None, guideline: bytes, said: bytes,
    rationale: str, edited: str,
) -> bytes:  # fmt: skip
    head = _judgment(15, 8, assignment_id, 16, key, 8, now)
    return head + reference(preferred_id) + guideline + said + text(rationale) + text(edited)


# --- fields --------------------------------------------------------------------


def text(value: str) -> bytes:
    data = value.encode()
    return _length(len(data)) + data


def json(value: Any) -> bytes:
    data = orjson.dumps(value)
    return _length(len(data) + 1) + b"\x01" + data  # the version of how a jsonb is sent


def array(values: tuple[str, ...]) -> bytes:
    """A list of texts: its dimensions, whether there are nulls, the type of its elements, then length and bound."""
    data = Struct("!iii").pack(bool(values), 0, VARCHAR)
    if values:
        data += Struct("!ii").pack(len(values), 1) + b"".join(map(text, values))
    return _length(len(data)) + data


def reference(pk: int | None) -> bytes:
    return NULL if pk is None else _bigint(8, pk)


# --- sending -------------------------------------------------------------------


def copy(table: Table, rows: Iterator[bytes]) -> None:
    """Send rows as they come: Postgres stores some while the next are put together."""
    if not (some := b"".join(islice(rows, AT_ONCE))):
        return
    columns = SQL(", ").join(map(Identifier, table.columns))
    statement = SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(Identifier(table.name), columns)
    connection.ensure_connection()
    with connection.wrap_database_errors, connection.connection.cursor() as cursor, cursor.copy(statement) as sent:
        sent.write(SIGNATURE)
        while some:
            sent.write(some)
            some = b"".join(islice(rows, AT_ONCE))
        sent.write(END)
