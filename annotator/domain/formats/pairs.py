"""Two answers and a label that says which is better: LLMBar, Auto-J, MT-Bench-like tables, fine-grained QA feedback.

The answers are `response 1`, `response1`, `response_1`, `output_1`, `answer_1` or the same with a and b; the label is
`label`, `winner`, `preference` or `preferred`, and its words are learnt from what people write there.
Auto-J counts from 0 and names the tie 2; it is told by its `scenario`.
{"question", "prediction 1" … "prediction 4", "preference": [six numbers]} compares each with each, 0 for a tie.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from annotator.domain.formats.instructions import instruction_of
from annotator.domain.formats.lines import Line
from annotator.domain.formats.records import (
    Malformed,
    Message,
    Record,
    WrittenResponse,
    any_text,
    asked,
    compared,
    is_messages,
    label_of,
    messages_of,
    text_of,
)
from annotator.domain.formats.rows import Format, Row

NAMES = tuple(
    (f"{word}{gap}{one}", f"{word}{gap}{other}")
    for word in ("response", "output", "answer", "completion")
    for gap in (" ", "_", "")
    for one, other in (("1", "2"), ("a", "b"), ("0", "1"))
)
LABELS = ("label", "winner", "preference", "preferred", "choice")
PROMPTS = ("prompt", "instruction", "question", "input", "query")
FIRST = (
    "1",
    "a",
    "first",
    "left",
    "model_a",
    "model_1",
    "response_1",
    "response1",
    "response_a",
    "output_1",
    "answer_1",
)
SECOND = (
    "2",
    "b",
    "second",
    "right",
    "model_b",
    "model_2",
    "response_2",
    "response2",
    "response_b",
    "output_2",
    "answer_2",
)
TIE = ("0", "tie", "equal", "same", "draw", "both", "1.5")


def fits(row: Row) -> bool:
    if "prediction 1" in row:
        return isinstance(row.get("preference"), list)
    return _names(row) is not None and any(field in row for field in LABELS) and any(f in row for f in PROMPTS)


def read(line: Line, row: Row) -> Iterator[Record]:
    if "prediction 1" in row:
        yield from _each_with_each(line, row)
        return
    names = _names(row)
    if names is None:
        raise Malformed("line", "has no two answers")
    label = next((field for field in LABELS if field in row), "label")
    first, second = (
        WrittenResponse(any_text(row[name], name), label_of(row, f"model_{name[-1]}", name)) for name in names
    )
    rater = next((label_of(row, who, "") for who in ("rater", "annotator", "worker", "judge") if row.get(who)), "label")
    vote = (rater, value_of(row.get(label), label, from_zero="scenario" in row), str(row.get(label)), "")
    yield compared(line, row, _prompt(row), first, second, [vote], tags=("subset", "scenario", "category"))


def _names(row: Row) -> tuple[str, str] | None:
    return next((names for names in NAMES if names[0] in row and names[1] in row), None)


def _prompt(row: Row) -> list[Message]:
    field = next((field for field in PROMPTS if field in row), "prompt")
    if field == "instruction":
        return asked(instruction_of(row))
    return messages_of(row[field], field) if is_messages(row.get(field)) else asked(text_of(row, field))


def value_of(label: object, field: str, *, from_zero: bool = False) -> float:
    if from_zero and isinstance(label, int) and not isinstance(label, bool):
        label = {0: 1, 1: 2, 2: 0}.get(label, label)
    word = f"{label:g}" if isinstance(label, float) else str(label).strip().lower()
    for words, value in ((FIRST, -1.0), (SECOND, 1.0), (TIE, 0.0)):
        if word in words:
            return value
    raise Malformed(field, f"{str(label)[:40]!r} says neither which is better nor that they tie")


def _each_with_each(line: Line, row: Row) -> Iterator[Record]:
    said = row.get("preference")
    names = [f"prediction {n}" for n in range(1, 5)]
    pairs = list(combinations(names, 2))
    if not isinstance(said, list) or len(said) != len(pairs):
        raise Malformed("preference", f"must be a list of {len(pairs)} numbers")
    prompt = asked(text_of(row, "question"))
    for (one, other), word in zip(pairs, said, strict=True):
        first, second = (WrittenResponse(text_of(row, name), name) for name in (one, other))
        value = value_of(word, "preference")
        yield compared(line, row, prompt, first, second, [("label", value, str(word), "")])


read_pairs = Format("pairs", '{"prompt", "response_1", "response_2", "label"} and their like', fits, read)
