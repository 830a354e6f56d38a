"""Bytes become numbered lines of bounded length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

MAX_LINE_BYTES = 4 * 1024 * 1024  # the longest conversations people train on are a tenth of this


class Line(NamedTuple):
    """One line without its end.

    is_whole  False for one that was longer than allowed, which is empty then
    fault     why there is nothing on it, where a container of rows could not say what it holds
    """

    file: str
    number: int
    data: bytes
    is_whole: bool = True
    fault: str = ""


def lines_of(
    chunks: Iterable[bytes], *, file: str, max_bytes: int = MAX_LINE_BYTES, blank: bool = False
) -> Iterator[Line]:
    """The non-blank lines of a file that arrives in chunks, numbered from 1; with `blank` those as well.

    Only a line feed ends a line (U+2028 is legal inside JSON text). What an
    overlong line holds is thrown away as it arrives, so memory stays bounded.
    """
    number, rest, is_whole = 1, b"", True
    for chunk in chunks:
        *ended, rest_of_chunk = chunk.split(b"\n")
        for part in ended:
            yield from _line(file, number, rest + part, is_whole and len(rest) + len(part) <= max_bytes, blank)
            number, rest, is_whole = number + 1, b"", True
        rest += rest_of_chunk
        if len(rest) > max_bytes:
            rest, is_whole = b"", False
    yield from _line(file, number, rest, is_whole, blank and bool(rest))


def _line(file: str, number: int, data: bytes, is_whole: bool, blank: bool) -> Iterator[Line]:
    if not is_whole:
        yield Line(file, number, b"", is_whole=False)
        return
    if number == 1:
        data = data.removeprefix(b"\xef\xbb\xbf")  # the mark that Windows editors put first
    if blank or data.strip():
        yield Line(file, number, data.rstrip(b"\r"))
