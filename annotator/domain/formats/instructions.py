"""Instructions with an answer: Alpaca, Dolly, GPTeacher, AlpacaEval's outputs, self-instruct's seeds.

{"instruction", "input" or "context", and "output", "response" or "text"}; `generator` or `model` names who wrote it.
{"instruction", "instances": [{"input", "output"}, …]} is one instruction with several inputs.
{"decoded": {model: text}} beside them are further answers to the same instruction.
"""

from __future__ import annotations

from collections.abc import Iterator

from annotator.domain.formats.lines import Line
from annotator.domain.formats.records import (
    Malformed,
    Record,
    WrittenResponse,
    answered,
    any_text,
    asked,
    checked_text,
    label_of,
    text_of,
)
from annotator.domain.formats.rows import Format, Row

ANSWERS = ("output", "response", "text")
INPUTS = ("input", "context")


def fits(row: Row) -> bool:
    if not isinstance(row.get("instruction"), str):
        return False
    return isinstance(row.get("instances"), list) or any(isinstance(row.get(field), str) for field in ANSWERS)


def read(line: Line, row: Row) -> Iterator[Record]:
    if isinstance(row.get("instances"), list):
        for instance in row["instances"]:
            if not isinstance(instance, dict):
                raise Malformed("instances", "must hold objects with input and output")
            whole = {**row, **instance}
            yield answered(line, row, asked(instruction_of(whole)), [_written(whole, "output", "demonstration")])
        return
    field = next((field for field in ANSWERS if field in row), "output")
    author = label_of(row, "generator", label_of(row, "model", "human" if "decoded" in row else "demonstration"))
    responses = [_written(row, field, author)]
    decoded = row.get("decoded")
    if isinstance(decoded, dict):
        responses += [
            WrittenResponse(checked_text(text, "decoded"), label_of({"model": model}, "model", "model"))
            for model, text in decoded.items()
        ]
    yield answered(line, row, asked(instruction_of(row)), responses, tags=("dataset", "category"))


def instruction_of(row: Row) -> str:
    """The instruction and, behind a blank line, what it is about."""
    about = next((text for field in INPUTS if (text := row.get(field))), "")
    return "\n\n".join(filter(None, (text_of(row, "instruction"), checked_text(about, "input"))))


def _written(row: Row, field: str, author: str) -> WrittenResponse:
    return WrittenResponse(any_text(row.get(field), field), author)


read_instructions = Format("instructions", 'JSON {"instruction", "input", "output"} and their like', fits, read)
