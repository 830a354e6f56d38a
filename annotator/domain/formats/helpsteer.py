"""HelpSteer2 and HelpSteer3 preferences: how much better the second response is, from -3 to 3.

{"prompt", "response_1", "response_2", "preference_strength", "preference_statement", "preference_elaboration"}
{"context": [message, …], "response1", "response2", "overall_preference",
 "individual_preference": [{"score", "reasoning"}, …]}
"""

from __future__ import annotations

from collections.abc import Iterator

from annotator.domain.formats.lines import Line
from annotator.domain.formats.records import (
    Malformed,
    Message,
    Record,
    WrittenResponse,
    any_text,
    asked,
    checked_text,
    compared,
    messages_of,
    number_of,
    text_of,
)
from annotator.domain.formats.rows import Format, Row

STRONGEST = 3
MOST_PEOPLE = 100


def fits(row: Row) -> bool:
    return "preference_strength" in row or ("overall_preference" in row and "response1" in row)


def read(line: Line, row: Row) -> Iterator[Record]:
    is_third = "overall_preference" in row
    names = ("response1", "response2") if is_third else ("response_1", "response_2")
    first, second = (WrittenResponse(any_text(row.get(name), name), f"response {n}") for n, name in enumerate(names, 1))
    yield compared(line, row, _prompt(row), first, second, list(_votes(row, is_third)), tags=("domain", "language"))


def _prompt(row: Row) -> list[Message]:
    return messages_of(row["context"], "context") if "context" in row else asked(text_of(row, "prompt"))


def _votes(row: Row, is_third: bool) -> Iterator[tuple[str, float, str, str]]:
    people = row.get("individual_preference")
    if is_third and isinstance(people, list) and people:
        if len(people) > MOST_PEOPLE:
            raise Malformed("individual_preference", f"{len(people):,} people; at most {MOST_PEOPLE} fit")
        for number, said in enumerate(people, 1):
            if not isinstance(said, dict):
                raise Malformed("individual_preference", "must hold objects with score and reasoning")
            yield _vote(f"annotator-{number}", said.get("score"), said.get("reasoning"), "individual_preference.score")
    else:
        field = "overall_preference" if is_third else "preference_strength"
        yield _vote("helpsteer", row.get(field), row.get("preference_elaboration"), field)


def _vote(rater: str, score: object, why: object, field: str) -> tuple[str, float, str, str]:
    number = number_of(score, field)
    if abs(number) > STRONGEST:
        raise Malformed(field, f"{number:g} is not between -{STRONGEST} and {STRONGEST}")
    return (
        rater,
        number / STRONGEST + 0.0,
        f"{number:g}",
        checked_text(why, "reasoning") if isinstance(why, str) else "",
    )


read_helpsteer = Format("helpsteer", '{"prompt", "response_1", "response_2", "preference_strength"}', fits, read)
