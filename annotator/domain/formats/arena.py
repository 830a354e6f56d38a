"""Chatbot Arena battles: two conversations and a winner.

{"model_a", "model_b", "winner": "model_a" | "model_b" | "tie" | "tie (bothbad)", "judge",
 "conversation_a": [message, …], "conversation_b": [message, …]}

What the user said first is the prompt. A conversation that went on is one response, its further turns written into
it: the two went different ways, and the winner is that of all of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from annotator.domain.formats.lines import Line
from annotator.domain.formats.records import (
    Malformed,
    Message,
    Record,
    WrittenResponse,
    checked_text,
    compared,
    label_of,
    messages_of,
)
from annotator.domain.formats.rows import Format, Row

WINNERS: dict[str, float | None] = {
    "model_a": -1.0, "model_b": 1.0, "tie": 0.0, "tie (bothbad)": None, "both_bad": None, "bothbad": None,
    "tie (inconsistent)": 0.0,
}  # fmt: skip


def fits(row: Row) -> bool:
    return {"winner", "conversation_a", "conversation_b"} <= row.keys()


def read(line: Line, row: Row) -> Iterator[Record]:
    conversations = [messages_of(row.get(f"conversation_{side}"), f"conversation_{side}") for side in "ab"]
    prompt = prompt_of(conversations[0])
    if prompt != prompt_of(conversations[1]):
        raise Malformed("conversation_b", "begins with another prompt than conversation_a")
    first, second = (
        WrittenResponse(transcript_of(conversation[len(prompt) :]), label_of(row, f"model_{side}", f"model_{side}"))
        for side, conversation in zip("ab", conversations, strict=True)
    )
    rater = label_of(row, "judge", label_of(row, "judge_hash", "arena"))
    vote = (rater, winner_of(row.get("winner")), str(row.get("winner")), "")
    yield compared(line, row, prompt, first, second, [vote], tags=("language", "category"))


def winner_of(winner: object) -> float | None:
    if not isinstance(winner, str) or winner not in WINNERS:
        raise Malformed("winner", f"{str(winner)[:40]!r} is none of {', '.join(WINNERS)}")
    return WINNERS[winner]


def prompt_of(conversation: list[Message]) -> list[Message]:
    """The turns before the first answer."""
    roles = [message["role"] for message in conversation]
    if "assistant" not in roles:
        raise Malformed("conversation", "has no answer")
    return conversation[: roles.index("assistant")]


def transcript_of(turns: list[Message]) -> str:
    """An answer, with the turns that followed it where there are any."""
    names = {"user": "User", "assistant": "Assistant", "system": "System"}
    text = turns[0]["content"] + "".join(f"\n\n{names[turn['role']]}: {turn['content']}" for turn in turns[1:])
    return checked_text(text, "conversation")


read_arena = Format("arena", 'JSON {"conversation_a", "conversation_b", "model_a", "model_b", "winner"}', fits, read)
