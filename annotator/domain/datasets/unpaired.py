"""TRL's unpaired preference type: an answer and whether it is good, as KTO reads them.

The better answer of a decided pair is good and the other one is not. Where most judgments of a pair say that both are
good, or both bad, both rows say so; other ties say nothing about an answer by itself. So do imported labels.
"""

from __future__ import annotations

from annotator.domain.datasets.columns import ORIGIN, Columns, Holds
from annotator.domain.datasets.facts import Answer, Asked, Lone, Pair, Row, Rows, origin, told

COLUMNS: Columns = {
    "prompt": Holds.MESSAGES,
    "completion": Holds.MESSAGES,
    "label": Holds.FLAG,
    "weight": Holds.NUMBER,
    "vote_fraction": Holds.NUMBER,
    "model": Holds.TEXT,
    "round": Holds.WHOLE,
    **ORIGIN,
}


def of_pair(pair: Pair) -> Rows:
    target = pair.target
    assert target is not None
    if pair.is_decided:
        share = max(target.prefer_first, 1 - target.prefer_first)
        first, second = target.prefer_first > 0.5, target.prefer_first < 0.5
    elif 2 * max(pair.both_good, pair.both_bad) > pair.votes:
        first = second = pair.both_good > pair.both_bad
        share = max(pair.both_good, pair.both_bad) / pair.votes
    else:
        return
    yield 2 * pair.id, _row(pair.asked, pair.first, first, target.weight, share, pair.round)
    yield 2 * pair.id + 1, _row(pair.asked, pair.second, second, target.weight, share, pair.round)


def of_lone(lone: Lone) -> Rows:
    if lone.label is not None:
        yield -lone.answer.id, _row(lone.asked, lone.answer, lone.label, 1.0, 1.0, 0)


def _row(asked: Asked, answer: Answer, label: bool, weight: float, share: float, round: int) -> Row:
    return {
        "prompt": asked.messages,
        "completion": told(answer.text),
        "label": label,
        "weight": weight,
        "vote_fraction": share,
        "model": answer.model,
        "round": round,
        **origin(asked),
    }
