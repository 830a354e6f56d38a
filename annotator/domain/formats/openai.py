"""Preference fine-tuning rows of OpenAI: {"input": {"messages"}, "preferred_output", "non_preferred_output"}."""

from __future__ import annotations

from collections.abc import Iterator

from annotator.domain.formats.lines import Line
from annotator.domain.formats.records import Malformed, Record, chosen_over_rejected, messages_of
from annotator.domain.formats.rows import Format, Row


def fits(row: Row) -> bool:
    return "preferred_output" in row and "non_preferred_output" in row


def read(line: Line, row: Row) -> Iterator[Record]:
    given = row.get("input")
    if not isinstance(given, dict):
        raise Malformed("input", "must be an object with messages")
    prompt = messages_of(given.get("messages"), "input.messages")
    better = messages_of(row.get("preferred_output"), "preferred_output")
    worse = messages_of(row.get("non_preferred_output"), "non_preferred_output")
    yield chosen_over_rejected(line, row, [*prompt, *better], [*prompt, *worse], rater="openai")


read_openai = Format("openai", 'JSON {"input", "preferred_output", "non_preferred_output"}', fits, read)
