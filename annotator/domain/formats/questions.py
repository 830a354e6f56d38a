"""Lists of questions without answers: MT-Bench, Arena-Hard. {"turns": [text or {"content"}, …]}

Only the first turn is asked: the later ones belong to an answer that nobody has given yet.
"""

from __future__ import annotations

from collections.abc import Iterator

from annotator.domain.formats.lines import Line
from annotator.domain.formats.records import Malformed, Record, answered, asked, checked_text
from annotator.domain.formats.rows import Format, Row


def fits(row: Row) -> bool:
    return isinstance(row.get("turns"), list) and "conversations" not in row


def read(line: Line, row: Row) -> Iterator[Record]:
    turns = row.get("turns")
    if not isinstance(turns, list) or not turns:
        raise Malformed("turns", "must be a list with at least one turn")
    first = turns[0]
    text = checked_text(first.get("content") if isinstance(first, dict) else first, "turns")
    yield answered(line, row, asked(text), tags=("category", "cluster"))


read_questions = Format("questions", '{"turns": […]}, as MT-Bench and Arena-Hard ask', fits, read)
