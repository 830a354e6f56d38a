"""A format in which every row stands by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from annotator.domain.formats.lines import Line
from annotator.domain.formats.records import MAX_DEPTH, Malformed, Record, object_of

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Format:
    """How a row of one kind is told and read.

    what     its fields, for people
    fits     whether a row is of this kind, judged by its fields
    read     the records of a row; raises Malformed for one that breaks the rules of its kind
    deepest  lists and objects inside each other
    """

    name: str
    what: str
    fits: Callable[[Row], bool]
    read: Callable[[Line, Row], Iterable[Record]]
    deepest: int = MAX_DEPTH

    def __call__(self, lines: Iterable[Line]) -> Iterator[Record]:
        """What each line becomes, and a BadLine for each that does not fit."""
        for line in lines:
            try:
                yield from self.read(line, object_of(line, deepest=self.deepest))
            except Malformed as error:
                yield error.at(line)
