"""What is no file of JSON lines becomes one: a JSON array, or a table of cells.

Each row comes out as a Line with the JSON of an object, so that every reader sees every container alike. The number of
a row is that of its place in the file: for a table the line that it ends on, for an array its position.
"""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Iterable, Iterator

import orjson

from annotator.domain.formats.lines import MAX_LINE_BYTES, Line

MAX_COLUMNS = 1000
MESSAGES = '[{"role":'
FLAGS = {"true": True, "false": False, "True": True, "False": False}
DECODER = json.JSONDecoder()


def array_lines(chunks: Iterable[bytes], *, file: str) -> Iterator[Line]:
    """The elements of a JSON array, one at a time; no more than one of them and a chunk is in memory.

    An element that is no JSON hides where the next one begins, so what follows it is one bad line.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    number, text, at, begun = 0, "", 0, False
    for chunk in _and_end(chunks):
        text, at = text[at:] + decoder.decode(chunk, final=not chunk), 0
        while True:
            at = _skip(text, at, "[, \t\r\n\ufeff" if not begun else ", \t\r\n")
            if at == len(text):
                break
            begun = True
            if text[at] == "]":
                return
            try:
                _, end = DECODER.raw_decode(text, at)
            except (ValueError, RecursionError):
                end = len(text)
                if chunk and end - at <= MAX_LINE_BYTES:
                    break  # not all of it is here yet
                yield _broken(file, number + 1, text[at:end])
                return
            if end == len(text) and chunk:
                break  # a number may go on
            number += 1
            yield Line(file, number, text[at:end].encode("utf-8", "surrogateescape"))
            at = end


def _and_end(chunks: Iterable[bytes]) -> Iterator[bytes]:
    yield from chunks
    yield b""


def _skip(text: str, at: int, characters: str) -> int:
    while at < len(text) and text[at] in characters:
        at += 1
    return at


def _broken(file: str, number: int, text: str) -> Line:
    if len(text) > MAX_LINE_BYTES:
        return Line(file, number, b"", is_whole=False)
    return Line(file, number, text.encode("utf-8", "surrogateescape"))


def table_lines(lines: Iterable[Line], *, file: str, delimiter: str) -> Iterator[Line]:
    """The rows of a table of cells; its first row names the columns. Cells may hold line breaks."""
    csv.field_size_limit(MAX_LINE_BYTES)
    feed = _Feed(lines)
    rows = csv.reader(feed, delimiter=delimiter, strict=True)
    header: list[str] = []
    while True:
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield _odd(file, feed.number, f"not a row of a table: {error}")
            feed.is_broken = False
            continue
        if feed.is_broken:
            feed.is_broken = False
            yield Line(file, feed.number, b"", is_whole=False)
        elif not header:
            header = cells[:MAX_COLUMNS]
        elif any(cells):
            if len(cells) != len(header):
                yield _odd(file, feed.number, f"{len(cells)} columns; the header has {len(header)}")
            else:
                yield Line(file, feed.number, orjson.dumps(dict(zip(header, map(_cell, header, cells), strict=True))))


def _cell(name: str, text: str) -> object:
    """What a cell holds: a text, or what stands there as JSON because a table has no lists."""
    if text.startswith(MESSAGES) or (name == "tags" and text.startswith("[")):
        try:
            found = orjson.loads(text)
        except orjson.JSONDecodeError:
            return text
        return found if isinstance(found, list) else text
    if name == "label" and text in FLAGS:
        return FLAGS[text]
    return text


class _Feed:
    """Texts for the csv module out of lines of bounded length; remembers where it is."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = iter(lines)
        self.number = 0
        self.is_broken = False

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.number = line.number
        if not line.is_whole:
            self.is_broken = True
            return "\n"
        return line.data.decode("utf-8", "replace").replace("\x00", "\ufffd") + "\n"


def _odd(file: str, number: int, reason: str) -> Line:
    return Line(file, number, b"", fault=reason)
