"""TRL preference rows: `prompt`, `chosen` and `rejected`, plain or as messages.

    {"prompt": "…", "chosen": "…", "rejected": "…"}
    {"prompt": [message, …], "chosen": [message], "rejected": [message]}
    {"chosen": [message, …, message], "rejected": [message, …, message]}      the prompt is what both begin with
    {"prompt": "…", "chosen": [user, assistant], "rejected": [user, assistant]}   the prompt is said twice

A message is {"role", "content"}. A prompt that is itself a transcript of
Human and Assistant turns is taken apart into them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from annotator.domain.formats.hh import is_transcript, turns_of
from annotator.domain.formats.lines import Line
from annotator.domain.formats.records import (
    MAX_TURNS,
    ROLES,
    JudgedComparison,
    Malformed,
    Message,
    Record,
    checked_text,
    chosen_over_rejected,
    object_of,
)


def read_trl(lines: Iterable[Line]) -> Iterator[Record]:
    """A comparison for each line, judged by its `label_origin` or by "trl"."""
    for line in lines:
        try:
            yield _comparison_of(line, object_of(line))
        except Malformed as error:
            yield error.at(line)


def _comparison_of(line: Line, row: Mapping[str, Any]) -> JudgedComparison:
    prompt = _prompt_of(row)
    chosen, rejected = _completion_of(row, "chosen", prompt), _completion_of(row, "rejected", prompt)
    return chosen_over_rejected(line, row, chosen, rejected, rater="trl")


def _prompt_of(row: Mapping[str, Any]) -> list[Message]:
    """The turns in `prompt`, none when the row has no such field."""
    prompt = row.get("prompt")
    if prompt is None:
        return []
    if isinstance(prompt, list):
        return _messages_of(prompt, "prompt")
    text = checked_text(prompt, "prompt")
    if not is_transcript(text):
        return [{"role": "user", "content": text}]
    turns = turns_of(text, "prompt")
    if turns[-1]["role"] == "assistant" and not turns[-1]["content"].strip():
        turns.pop()  # "…\n\nAssistant:" only says whose turn it is
    return turns


def _completion_of(row: Mapping[str, Any], field: str, prompt: list[Message]) -> list[Message]:
    """The whole conversation of one side."""
    if field not in row:
        raise Malformed(field, "missing")
    if not isinstance(row[field], list):
        if not prompt:
            raise Malformed("prompt", "missing")
        return [*prompt, {"role": "assistant", "content": checked_text(row[field], field)}]
    messages = _messages_of(row[field], field)
    begins_with_prompt = bool(messages) and messages[0]["role"] != "assistant"
    if not begins_with_prompt and not prompt:
        raise Malformed("prompt", "missing")
    return messages if begins_with_prompt else [*prompt, *messages]


def _messages_of(value: list[object], field: str) -> list[Message]:
    if len(value) > MAX_TURNS:
        raise Malformed(field, f"{len(value):,} turns; at most {MAX_TURNS:,} fit")
    messages: list[Message] = []
    for number, message in enumerate(value, start=1):
        if not isinstance(message, dict):
            raise Malformed(field, f"turn {number} is not an object with role and content")
        if (role := message.get("role")) not in ROLES:
            raise Malformed(
                field, f"turn {number} has the role {str(role)[:40]!r}; it must be one of {', '.join(ROLES)}"
            )
        messages.append({"role": role, "content": checked_text(message.get("content"), f"{field}.content")})
    return messages
