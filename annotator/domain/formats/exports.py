"""What other annotation tools export: Label Studio tasks and Argilla records, with who said what.

Label Studio  {"data": {prompt, two answers}, "annotations": [{"completed_by", "result": [{"type": "pairwise", …}]}]}
Argilla 1     {"fields": {prompt, two answers}, "responses": [{"user_id", "values": {question: {"value"}}}]}
              {prompt, two answers, question: [{"user_id", "value", "status"}]}                       pushed to a hub
Argilla 2     {"fields": …, "responses": {question: [{"user_id", "value"}]}}                          records.to_json
              {prompt, two answers, "question.responses": […], "question.responses.users": […], ".status": […]}

What an Argilla question says is a word that names an answer, or a ranking of both: a list of names from the best on,
of {"value", "rank"}, or {"value": […], "rank": […]}. A number is a rating of something else, and no preference.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from annotator.domain.formats.lines import Line
from annotator.domain.formats.records import (
    Malformed,
    Message,
    Record,
    WrittenResponse,
    answered,
    any_text,
    asked,
    compared,
    is_messages,
    label_of,
    messages_of,
    text_of,
)
from annotator.domain.formats.rows import Format, Row

ASKED = ("prompt", "instruction", "question", "input", "text", "dialogue")
ANSWERS = tuple(
    (f"{word}{gap}{one}", f"{word}{gap}{other}")
    for word in ("answer", "response", "output", "generation", "completion", "text", "chosen")
    for gap in ("", "_", "-")
    for one, other in (("1", "2"), ("a", "b"), ("A", "B"))
)
LEFT, RIGHT, EVEN = ("left", "1", "a", "first"), ("right", "2", "b", "second"), ("tie", "equal", "both", "neither", "0")
NOT_NAME = re.compile(r"[\W_]+")
MOST_PEOPLE = 1000
DEEPEST = 32

Said = tuple[str, float | None, str, str]


def fits_label_studio(row: Row) -> bool:
    return isinstance(row.get("data"), dict) and isinstance(row.get("annotations"), list)


def read_task(line: Line, row: Row) -> Iterator[Record]:
    data = row["data"] if isinstance(row.get("data"), dict) else {}
    people = row.get("annotations")
    if not isinstance(people, list) or len(people) > MOST_PEOPLE:
        raise Malformed("annotations", f"must be a list of at most {MOST_PEOPLE:,}")
    names = _answers(data, "data")
    votes = []
    for person in people:
        if isinstance(person, dict) and not person.get("was_cancelled"):
            votes += _task_votes(person, names)
    yield _record(line, row, data, names, votes)


def _task_votes(person: Mapping[str, Any], names: tuple[str, str]) -> list[Said]:
    by = person.get("completed_by")
    rater = label_of(by if isinstance(by, dict) else {"email": by}, "email", "label-studio")
    results = [
        one for one in _list(person.get("result")) if isinstance(one, dict) and isinstance(one.get("value"), dict)
    ]
    why = next((_joined(one["value"].get("text")) for one in results if one.get("type") == "textarea"), "")
    for one in results:
        if one.get("type") == "pairwise":
            word = one["value"].get("selected")
            return [(rater, _said(word, "annotations", names), str(word), why)]
    for one in results:  # a pair of radio buttons does as well; other choices are about something else
        word = _joined(one["value"].get("choices"))
        if one.get("type") == "choices" and (value := _told(word, names)) is not None:
            return [(rater, value, word, why)]
    return []


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _joined(value: object) -> str:
    if isinstance(value, list):
        return "\n".join(text for text in value if isinstance(text, str))
    return value if isinstance(value, str) else ""


def fits_argilla(row: Row) -> bool:
    if isinstance(row.get("fields"), dict):
        return isinstance(row.get("responses", []), list | dict)
    return next(_names(row), None) is not None and bool(_columns(row))


def read_record(line: Line, row: Row) -> Iterator[Record]:
    fields = row["fields"] if isinstance(row.get("fields"), dict) else row
    names = _answers(fields, "fields")
    responses = (row.get("responses") or []) if "fields" in row else _columns(row)
    if not isinstance(responses, list | dict):
        raise Malformed("responses", "must be a list, or an object by question")
    people: dict[str, Said] = {}  # the first question that says which is better, of each
    for said in _record_votes(responses, names):
        people.setdefault(said[0], said)
    if len(people) > MOST_PEOPLE:
        raise Malformed("responses", f"{len(people):,} people; at most {MOST_PEOPLE:,} fit")
    yield _record(line, row, fields, names, list(people.values()))


def _columns(row: Row) -> dict[str, list[dict[str, Any]]]:
    """Question → what people answered, where it lies flat in the row."""
    found = {}
    for name, values in row.items():
        if not isinstance(values, list):
            continue
        people = row.get(f"{name}.users")
        if name.endswith(".responses") and isinstance(people, list):
            states = row.get(f"{name}.status")
            states = states if isinstance(states, list) and len(states) == len(values) else ["submitted"] * len(values)
            found[name] = [
                {"user_id": who, "value": value, "status": state}
                for who, value, state in zip(people, values, states, strict=False)
            ]
        elif values and all(isinstance(one, dict) and {"user_id", "value"} <= one.keys() for one in values):
            found[name] = values
    return found


def _record_votes(responses: list[Any] | dict[str, Any], names: tuple[str, str]) -> Iterator[Said]:
    if isinstance(responses, dict):  # by question
        listed = [one for said in responses.values() if isinstance(said, list) for one in said if isinstance(one, dict)]
        for one in listed:
            value = _told(one.get("value"), names)
            if (one.get("status") or "submitted") == "submitted" and value is not None:
                yield label_of(one, "user_id", "argilla"), value, _word(one["value"]), ""
        return
    for one in responses:
        values = one.get("values") if isinstance(one, dict) else None
        if not isinstance(values, dict) or (one.get("status") or "submitted") != "submitted":
            continue
        said = [answer.get("value") for answer in values.values() if isinstance(answer, dict)]
        told = next(((value, word) for word in said if (value := _told(word, names)) is not None), None)
        why = next((word for word in said if isinstance(word, str) and _told(word, names) is None), "")
        if told:
            yield label_of(one, "user_id", "argilla"), told[0], _word(told[1]), why


def _word(value: object) -> str:
    return value if isinstance(value, str) else "ranking"


def _ranks(value: list[Any] | dict[str, Any]) -> dict[str, float]:
    """Name of an answer → its rank, 1 for the best; empty for what is no ranking."""
    if isinstance(value, dict):
        names, ranks = value.get("value"), value.get("rank")
        if not isinstance(names, list) or not isinstance(ranks, list) or len(names) != len(ranks):
            return {}
        value = [{"value": name, "rank": rank} for name, rank in zip(names, ranks, strict=True)]
    found: dict[str, float] = {}
    for place, one in enumerate(value, 1):
        name, rank = (one.get("value"), one.get("rank")) if isinstance(one, dict) else (one, place)
        if isinstance(name, str) and isinstance(rank, int | float):
            found[_plain(name)] = rank
    return found


def _plain(name: str) -> str:
    return NOT_NAME.sub("", name.lower())


def _told(word: object, names: tuple[str, str]) -> float | None:
    if isinstance(word, list | dict):
        ranks = _ranks(word)
        first, second = (ranks.get(_plain(name)) for name in names)
        return None if first is None or second is None else float((first > second) - (first < second))
    try:
        return _said(word, "responses", names) if isinstance(word, str) else None
    except Malformed:
        return None


def _said(word: object, field: str, names: tuple[str, str]) -> float:
    key = str(word).strip()
    if _plain(key) == _plain(names[0]) or key.lower() in LEFT:
        return -1.0
    if _plain(key) == _plain(names[1]) or key.lower() in RIGHT:
        return 1.0
    if key.lower() in EVEN:
        return 0.0
    raise Malformed(field, f"{key[:40]!r} names neither answer nor a tie")


def _answers(data: Mapping[str, Any], field: str) -> tuple[str, str]:
    found = next(_names(data), None)
    if found is None:
        raise Malformed(field, "has no two answers (such as answer1 and answer2)")
    return found


def _names(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    return (names for names in ANSWERS if names[0] in data and names[1] in data)


def _record(line: Line, row: Row, data: Mapping[str, Any], names: tuple[str, str], votes: list[Said]) -> Record:
    first, second = (
        WrittenResponse(any_text(data[name], name), label_of(data, f"model_{name[-1]}", name)) for name in names
    )
    prompt = _prompt(data)
    if not votes:
        return answered(line, row, prompt, [first, second])
    return compared(line, row, prompt, first, second, votes)


def _prompt(data: Mapping[str, Any]) -> list[Message]:
    field = next((field for field in ASKED if field in data), "prompt")
    return messages_of(data[field], field) if is_messages(data.get(field)) else asked(text_of(data, field))


read_label_studio = Format(
    "label_studio", 'Label Studio {"data", "annotations"}', fits_label_studio, read_task, DEEPEST
)
read_argilla = Format("argilla", 'Argilla {"fields", "responses"}', fits_argilla, read_record, DEEPEST)
