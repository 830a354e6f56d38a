"""ShareGPT rows, as LLaMA-Factory reads them.

{"conversations": [{"from": "human", "value": "…"}, …],
 "chosen": {"from": "gpt", "value": "…"}, "rejected": {"from": "gpt", "value": "…"}}

Without `chosen` and `rejected` the last turn of the conversation is an answer.
"""

from __future__ import annotations

from collections.abc import Iterator

from annotator.domain.formats.lines import Line
from annotator.domain.formats.records import (
    MAX_TURNS,
    Malformed,
    Message,
    Record,
    WrittenResponse,
    answered,
    checked_text,
    chosen_over_rejected,
    label_of,
)
from annotator.domain.formats.rows import Format, Row

ROLE_OF = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "system": "system"}


def fits(row: Row) -> bool:
    return isinstance(row.get("conversations"), list)


def read(line: Line, row: Row) -> Iterator[Record]:
    """A comparison, judged by its `label_origin` or by "sharegpt"; or an answered prompt."""
    turns = row.get("conversations")
    if not isinstance(turns, list):
        raise Malformed("conversations", "must be a list of turns")
    if len(turns) > MAX_TURNS:
        raise Malformed("conversations", f"{len(turns):,} turns; at most {MAX_TURNS:,} fit")
    prompt = [_message_of(turn, "conversations") for turn in turns]
    if system := row.get("system"):
        prompt.insert(0, {"role": "system", "content": checked_text(system, "system")})
    if "chosen" in row or "rejected" in row or not prompt or prompt[-1]["role"] != "assistant":
        chosen, rejected = (_message_of(row.get(field), field) for field in ("chosen", "rejected"))
        yield chosen_over_rejected(line, row, [*prompt, chosen], [*prompt, rejected], rater="sharegpt")
    else:
        author = label_of(row, "model", "demonstration")
        yield answered(line, row, prompt[:-1], [WrittenResponse(prompt[-1]["content"], author)], tags=("source",))


def _message_of(turn: object, field: str) -> Message:
    if not isinstance(turn, dict):
        raise Malformed(field, "a turn must be an object with from and value")
    speaker = turn.get("from")
    if not isinstance(speaker, str) or speaker not in ROLE_OF:
        raise Malformed(field, f"a turn is from {str(speaker)[:40]!r}, not {' or '.join(ROLE_OF)}")
    return {"role": ROLE_OF[speaker], "content": checked_text(turn.get("value"), f"{field}.value")}


read_sharegpt = Format("sharegpt", 'JSON {"conversations", "chosen", "rejected"}, turns {"from", "value"}', fits, read)
