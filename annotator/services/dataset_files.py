"""Rows go into files of one format, a row at a time."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import orjson
import pyarrow
import pyarrow.parquet

from annotator.domain.datasets.columns import LISTS, Columns, Holds
from annotator.domain.datasets.facts import Row

BUFFER = 1024 * 1024
GROUP_ROWS = 10_000  # of a Parquet file in memory at once, or fewer where they are long
GROUP_BYTES = 32 * 1024 * 1024


class RowFile(Protocol):
    """`line` is the row as JSON, which every row has been made already to be told from others."""

    def add(self, row: Row, line: bytes) -> None: ...

    def close(self) -> None: ...


class JsonLines:
    def __init__(self, path: Path, columns: Columns) -> None:
        self.file = path.open("wb", buffering=BUFFER)

    def add(self, row: Row, line: bytes) -> None:
        self.file.write(line)

    def close(self) -> None:
        self.file.close()


class Table:
    """CSV: lists stand in their cells as JSON."""

    def __init__(self, path: Path, columns: Columns) -> None:
        self.file = path.open("w", encoding="utf-8", newline="", buffering=BUFFER)
        self.writer = csv.writer(self.file, lineterminator="\n")
        self.lists = [name for name, holds in columns.items() if holds in LISTS]
        self.flags = [name for name, holds in columns.items() if holds is Holds.FLAG]
        self.writer.writerow(columns)

    def add(self, row: Row, line: bytes) -> None:
        cells = dict(row)
        for name in self.lists:
            cells[name] = orjson.dumps(row[name]).decode()
        for name in self.flags:
            cells[name] = "true" if row[name] else "false"
        self.writer.writerow(cells.values())

    def close(self) -> None:
        self.file.close()


class Parquet:
    def __init__(self, path: Path, columns: Columns) -> None:
        self.schema = pyarrow.schema([(name, ARROW[holds]) for name, holds in columns.items()])
        self.file = pyarrow.parquet.ParquetWriter(path, self.schema, compression="zstd")
        self.rows: list[Row] = []
        self.bytes = 0

    def add(self, row: Row, line: bytes) -> None:
        self.rows.append(row)
        self.bytes += len(line)
        if len(self.rows) >= GROUP_ROWS or self.bytes >= GROUP_BYTES:
            self._write()

    def _write(self) -> None:
        self.file.write_batch(pyarrow.RecordBatch.from_pylist(self.rows, self.schema))
        self.rows, self.bytes = [], 0

    def close(self) -> None:
        if self.rows:
            self._write()
        self.file.close()


def _struct(**fields: Any) -> Any:
    return pyarrow.list_(pyarrow.struct(list(fields.items())))


_text, _whole, _number = pyarrow.string(), pyarrow.int64(), pyarrow.float64()
ARROW: dict[Holds, Any] = {
    Holds.TEXT: _text,
    Holds.WHOLE: _whole,
    Holds.NUMBER: _number,
    Holds.FLAG: pyarrow.bool_(),
    Holds.TEXTS: pyarrow.list_(_text),
    Holds.MESSAGES: _struct(role=_text, content=_text),
    Holds.CRITERIA: _struct(code=_text, answer=_text, outcome=_text, value=_number),
    Holds.RATINGS: _struct(code=_text, first=_number, second=_number),
}
# Name → what makes a file of it; the name is also its ending.
FORMATS: dict[str, Callable[[Path, Columns], RowFile]] = {"jsonl": JsonLines, "parquet": Parquet, "csv": Table}
