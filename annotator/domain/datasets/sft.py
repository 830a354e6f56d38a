"""TRL's prompt-completion type: what won, to be imitated.

A pair gives its better answer; where raters improved that one, their texts take its place. An answer that wins
several comparisons stands there once, and so do imported demonstrations.
"""

from __future__ import annotations

from annotator.domain.datasets.columns import ORIGIN, Columns, Holds
from annotator.domain.datasets.facts import Asked, Lone, Pair, Row, Rows, origin, told

COLUMNS: Columns = {
    "prompt": Holds.MESSAGES,
    "completion": Holds.MESSAGES,
    "edited": Holds.FLAG,
    "vote_fraction": Holds.NUMBER,
    "model": Holds.TEXT,
    "round": Holds.WHOLE,
    **ORIGIN,
}


class Winners:
    """Remembers what it gave of the newest prompt, whose pairs come one after the other."""

    def __init__(self) -> None:
        self._prompt = 0
        self._given: set[int] = set()

    def of_pair(self, pair: Pair) -> Rows:
        if pair.asked.id != self._prompt:
            self._prompt, self._given = pair.asked.id, set()
        if not pair.is_decided or pair.target is None:
            return
        won = pair.in_order[0]
        share = max(pair.target.prefer_first, 1 - pair.target.prefer_first)
        edits = [edit for edit in pair.edits if edit.of_first == (won is pair.first)]
        for edit in edits:
            yield 2 * edit.judgment + 1, _row(pair.asked, edit.text, True, share, won.model, pair.round)
        if not edits and won.id not in self._given:
            self._given.add(won.id)
            yield 2 * won.id, _row(pair.asked, won.text, False, share, won.model, pair.round)


def of_lone(lone: Lone) -> Rows:
    if lone.label is None:
        yield -lone.answer.id, _row(lone.asked, lone.answer.text, False, 1.0, lone.answer.model, 0)


def _row(asked: Asked, text: str, edited: bool, share: float, model: str, round: int) -> Row:
    return {
        "prompt": asked.messages,
        "completion": told(text),
        "edited": edited,
        "vote_fraction": share,
        "model": model,
        "round": round,
        **origin(asked),
    }
