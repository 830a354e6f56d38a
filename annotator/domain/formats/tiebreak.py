"""The judgments of a project as Tiebreak itself writes them: a row for each, with both answers and what was said.

{"prompt": [message, …], "first", "second", "first_model", "second_model", "rater", "first_on_left",
 "outcome": "prefer" | "tie" | "both_good" | "both_bad" | "cannot_judge", "value", "answer", "rationale",
 "edited", "current", "excluded", …}

A judgment that was corrected later, or whose rater was excluded, is passed over: it counted for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from annotator.domain.formats.lines import Line
from annotator.domain.formats.records import (
    MAX_ANSWER,
    JudgedComparison,
    Malformed,
    Record,
    Vote,
    WrittenResponse,
    checked_prompt,
    label_of,
    license_of,
    messages_of,
    number_of,
    source_of,
    tags_of,
    text_of,
)
from annotator.domain.formats.rows import Format, Row
from annotator.domain.verdicts import Outcome


def fits(row: Row) -> bool:
    return {"prompt", "first", "second", "rater", "outcome", "first_on_left"} <= row.keys()


def read(line: Line, row: Row) -> Iterator[Record]:
    if not _flag(row, "current", True) or _flag(row, "excluded", False):
        return
    if row.get("outcome") not in list(Outcome):
        raise Malformed("outcome", f"{str(row.get('outcome'))[:40]!r} is none of {', '.join(Outcome)}")
    outcome = Outcome(row["outcome"])
    first, second = (WrittenResponse(text_of(row, side), label_of(row, f"{side}_model", side)) for side in SIDES)
    if first == second:
        raise Malformed("second", "the same text by the same author as first")
    vote = Vote(
        line.file,
        line.number,
        label_of(row, "rater", "tiebreak"),
        outcome,
        _value(row, outcome),
        label_of(row, "answer", outcome.value)[:MAX_ANSWER],
        _flag(row, "first_on_left", True),
        text_of(row, "rationale") if row.get("rationale") else "",
        text_of(row, "edited") if row.get("edited") and outcome is Outcome.PREFER else "",
    )
    prompt = checked_prompt(messages_of(row.get("prompt"), "prompt"), "prompt")
    yield JudgedComparison(prompt, first, second, (vote,), tags_of(row), source_of(row, line.file), license_of(row))


SIDES = ("first", "second")


def _value(row: Row, outcome: Outcome) -> float | None:
    if outcome is Outcome.TIE:
        return 0.0
    if outcome is not Outcome.PREFER:
        return None
    value = number_of(row.get("value"), "value")
    if not -1 <= value <= 1 or value == 0:
        raise Malformed("value", f"{value:g} prefers no side: it must be within -1 and 1, and not 0")
    return value


def _flag(row: Row, field: str, otherwise: bool) -> bool:
    """True or false, also as the word that a table holds."""
    value = row.get(field, otherwise)
    word = str(value).lower()
    if word not in ("true", "false"):
        raise Malformed(field, "must be true or false")
    return word == "true"


read_tiebreak = Format(
    "tiebreak",
    'JSON {"prompt", "first", "second", "rater", "outcome", …}, judgments as Tiebreak writes them',
    fits,
    read,
)
