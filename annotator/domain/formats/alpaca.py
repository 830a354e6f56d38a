"""AlpacaEval annotations with the two outputs in them.

{"instruction", "output_1", "output_2", "generator_1", "generator_2", "annotator", "preference"}

The preference is 1 or 2, 0 or 1.5 for a draw, a number between 1 and 2 that says how probably the second is better,
or null where the judge's answer could not be read.
"""

from __future__ import annotations

from collections.abc import Iterator

from annotator.domain.formats.lines import Line
from annotator.domain.formats.records import (
    Malformed,
    Record,
    WrittenResponse,
    any_text,
    asked,
    compared,
    label_of,
    number_of,
    text_of,
)
from annotator.domain.formats.rows import Format, Row


def fits(row: Row) -> bool:
    return {"instruction", "output_1", "output_2", "preference"} <= row.keys()


def read(line: Line, row: Row) -> Iterator[Record]:
    first, second = (
        WrittenResponse(any_text(row.get(f"output_{n}"), f"output_{n}"), label_of(row, f"generator_{n}", f"output_{n}"))
        for n in (1, 2)
    )
    vote = (
        label_of(row, "annotator", "alpaca_eval"),
        preference_of(row.get("preference")),
        str(row.get("preference")),
        "",
    )
    yield compared(line, row, asked(text_of(row, "instruction")), first, second, [vote], tags=("dataset",))


def preference_of(preference: object) -> float:
    """Worked: 1 is -1.0, 2 is 1.0, 1.75 is 0.5; 0 and 1.5 are ties."""
    if preference is None:
        raise Malformed("preference", "null: the judge did not say which is better")
    number = number_of(preference, "preference")
    if number == 0:
        return 0.0
    if not 1 <= number <= 2:
        raise Malformed("preference", f"{number:g} is neither 0 nor between 1 and 2")
    return 2 * number - 3


read_alpaca = Format("alpaca_eval", 'JSON {"instruction", "output_1", "output_2", "preference"}', fits, read)
