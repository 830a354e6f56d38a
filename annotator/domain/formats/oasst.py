"""Open-Assistant message trees: prompts with replies, replies with further prompts, ranks among siblings.

Every pair of ranked answers to one prompt becomes a comparison in which the better rank wins (0 is the best); answers
that nobody ranked stay with their prompt. The ranks are a merger of several people's, so one rater stands for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from annotator.domain.formats.lines import Line
from annotator.domain.formats.records import (
    ROLE_OF,
    Malformed,
    Message,
    Record,
    WrittenResponse,
    answered,
    checked_text,
    compared,
    label_of,
)
from annotator.domain.formats.rows import Format, Row

DEEPEST = 200  # a tree of a hundred turns
MOST_REPLIES = 50
RATER = "open-assistant"


def fits(row: Row) -> bool:
    return "message_tree_id" in row and isinstance(row.get("prompt"), dict)


def read(line: Line, row: Row) -> Iterator[Record]:
    waiting: list[tuple[Mapping[str, Any], list[Message]]] = [(_node(row.get("prompt"), "prompt"), [])]
    records: list[Record] = []  # a tree is in or out as a whole
    while waiting:
        node, before = waiting.pop()
        messages = [*before, _message(node)]
        replies = [_node(reply, "replies") for reply in _replies(node)]
        waiting += [(reply, messages) for reply in reversed(replies)]
        if messages[-1]["role"] == "user":
            records += _answers(line, row, messages, [reply for reply in replies if reply.get("role") == "assistant"])
    yield from records


def _answers(line: Line, row: Row, messages: list[Message], replies: list[Mapping[str, Any]]) -> Iterator[Record]:
    written = [
        WrittenResponse(_message(reply)["content"], label_of(reply, "model_name", "person")) for reply in replies
    ]
    ranked = [
        (reply["rank"], text)
        for reply, text in zip(replies, written, strict=True)
        if isinstance(reply.get("rank"), int) and not isinstance(reply["rank"], bool)
    ]
    for (one, first), (other, second) in combinations(ranked, 2):
        if first != second:
            value = float((one > other) - (one < other))
            yield compared(line, row, messages, first, second, [(RATER, value, f"rank {one} : {other}", "")])
    if len(ranked) < 2:
        yield answered(line, row, messages, written)


def _node(node: object, field: str) -> Mapping[str, Any]:
    if not isinstance(node, dict):
        raise Malformed(field, "must be an object with text, role and replies")
    return node


def _replies(node: Mapping[str, Any]) -> list[object]:
    replies = node.get("replies") or []
    if not isinstance(replies, list):
        raise Malformed("replies", "must be a list")
    if len(replies) > MOST_REPLIES:
        raise Malformed("replies", f"{len(replies):,} replies to one message; at most {MOST_REPLIES} fit")
    return replies


def _message(node: Mapping[str, Any]) -> Message:
    role = node.get("role")
    if role not in ("prompter", "assistant"):
        raise Malformed("role", f"{str(role)[:40]!r} is neither prompter nor assistant")
    return {"role": ROLE_OF[role], "content": checked_text(node.get("text"), "text")}


read_oasst = Format("oasst", 'JSON {"message_tree_id", "prompt": {"text", "role", "replies"}}', fits, read, DEEPEST)
