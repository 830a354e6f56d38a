"""edited > chosen > rejected, as Tiebreak writes them: a judgment whose rater improved the better answer.

{"prompt": …, "edited": …, "chosen": …, "rejected": …, "rater"}    each a text, or messages
"""

from __future__ import annotations

from collections.abc import Iterator

from annotator.domain.formats.lines import Line
from annotator.domain.formats.records import Malformed, Record, checked_prompt, label_of, one_over_other
from annotator.domain.formats.rows import Format, Row
from annotator.domain.formats.trl import completion_of, prompt_of

SIDES = ("edited", "chosen", "rejected")


def fits(row: Row) -> bool:
    return {"prompt", *SIDES} <= row.keys()


def read(line: Line, row: Row) -> Iterator[Record]:
    prompt = checked_prompt(prompt_of(row), "prompt")
    edited, chosen, rejected = (_text_of(row, side, prompt) for side in SIDES)
    if not edited.strip():
        raise Malformed("edited", "empty: a row without an improved answer has only chosen and rejected")
    yield one_over_other(line, row, prompt, chosen, rejected, rater=label_of(row, "rater", "triples"), edited=edited)


def _text_of(row: Row, side: str, prompt: list[dict[str, str]]) -> str:
    """What the last turn of this side says, after no other turns than the prompt's."""
    *before, last = completion_of(row, side, prompt)
    if last["role"] != "assistant":
        raise Malformed(side, "does not end with an assistant's turn")
    if before != prompt:
        raise Malformed(side, "says another prompt than the field prompt")
    return last["content"]


read_triples = Format(
    "triples", 'JSON {"prompt", "edited", "chosen", "rejected"}, answers that raters improved', fits, read
)
