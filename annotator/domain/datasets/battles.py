"""Chatbot Arena's battles: one judgment each, `a` being what stood on the left.

Judgments that no later one replaced, of raters who count. Who could not judge had no battle; both good is a tie.
"""

from __future__ import annotations

from annotator.domain.datasets.columns import ORIGIN, Columns, Holds
from annotator.domain.datasets.facts import Rows, Said, origin, told
from annotator.domain.verdicts import Outcome

COLUMNS: Columns = {
    "question_id": Holds.TEXT,
    "model_a": Holds.TEXT,
    "model_b": Holds.TEXT,
    "winner": Holds.TEXT,
    "judge": Holds.TEXT,
    "conversation_a": Holds.MESSAGES,
    "conversation_b": Holds.MESSAGES,
    "turn": Holds.WHOLE,
    "tstamp": Holds.TEXT,
    "comparison": Holds.WHOLE,
    "round": Holds.WHOLE,
    **{name: holds for name, holds in ORIGIN.items() if name != "prompt_id"},
}


def of_said(said: Said) -> Rows:
    if not said.is_current or said.is_excluded or said.outcome == Outcome.CANNOT_JUDGE:
        return
    a, b = (said.first, said.second) if said.first_on_left else (said.second, said.first)
    row = {
        "question_id": said.asked.sha256,
        "model_a": a.model,
        "model_b": b.model,
        "winner": _winner(said),
        "judge": said.rater,
        "conversation_a": said.asked.messages + told(a.text),
        "conversation_b": said.asked.messages + told(b.text),
        "turn": sum(message["role"] == "user" for message in said.asked.messages),
        "tstamp": said.created_at,
        "comparison": said.comparison,
        "round": said.round,
        **origin(said.asked),
    }
    del row["prompt_id"]
    yield said.id, row


def _winner(said: Said) -> str:
    if said.outcome == Outcome.PREFER:
        return "model_a" if ((said.value or 0.0) < 0) == said.first_on_left else "model_b"
    return "tie (bothbad)" if said.outcome == Outcome.BOTH_BAD else "tie"
