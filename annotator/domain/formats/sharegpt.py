"""ShareGPT preference rows, as LLaMA-Factory reads them.

{"conversations": [{"from": "human", "value": "…"}, …],
 "chosen": {"from": "gpt", "value": "…"}, "rejected": {"from": "gpt", "value": "…"}}
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from annotator.domain.formats.lines import Line
from annotator.domain.formats.records import (
    MAX_TURNS,
    JudgedComparison,
    Malformed,
    Message,
    Record,
    checked_text,
    chosen_over_rejected,
    object_of,
)

ROLE_OF = {"human": "user", "gpt": "assistant", "system": "system"}


def read_sharegpt(lines: Iterable[Line]) -> Iterator[Record]:
    """A comparison for each line, judged by its `label_origin` or by "sharegpt"."""
    for line in lines:
        try:
            yield _comparison_of(line, object_of(line))
        except Malformed as error:
            yield error.at(line)


def _comparison_of(line: Line, row: Mapping[str, Any]) -> JudgedComparison:
    turns = row.get("conversations")
    if not isinstance(turns, list):
        raise Malformed("conversations", "must be a list of turns")
    if len(turns) > MAX_TURNS:
        raise Malformed("conversations", f"{len(turns):,} turns; at most {MAX_TURNS:,} fit")
    prompt = [_message_of(turn, "conversations") for turn in turns]
    if system := row.get("system"):
        prompt.insert(0, {"role": "system", "content": checked_text(system, "system")})
    chosen, rejected = (_message_of(row.get(field), field) for field in ("chosen", "rejected"))
    return chosen_over_rejected(line, row, [*prompt, chosen], [*prompt, rejected], rater="sharegpt")


def _message_of(turn: object, field: str) -> Message:
    if not isinstance(turn, dict):
        raise Malformed(field, "a turn must be an object with from and value")
    speaker = turn.get("from")
    if not isinstance(speaker, str) or speaker not in ROLE_OF:
        raise Malformed(field, f"a turn is from {str(speaker)[:40]!r}, not {' or '.join(ROLE_OF)}")
    return {"role": ROLE_OF[speaker], "content": checked_text(turn.get("value"), f"{field}.value")}
