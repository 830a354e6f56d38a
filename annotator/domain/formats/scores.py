"""Answers with a score or a rank each: WebGPT, UltraFeedback, and plain lists.

{"question": {"full_text"}, "answer_0", "answer_1", "score_0", "score_1"}                          WebGPT
{"text": [transcript, transcript], "score": [1.5, 0.5]}                                       WebGPT, repackaged
{"instruction", "completions": [{"model", "response", "overall_score"}, …]}                        UltraFeedback
{"prompt", "responses" or "answers" or "completions": [text, …], "scores" or "ranks": [number, …]}

Every pair of answers becomes a comparison: the higher score or the lower rank wins, equal ones tie.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

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
    is_messages,
    label_of,
    messages_of,
    number_of,
    text_of,
)
from annotator.domain.formats.rows import Format, Row

LISTS = ("completions", "responses", "answers", "text")
NUMBERS = ("scores", "score", "ranks", "rank", "ranking")
OWN = ("overall_score", "fine-grained_score", "score", "rank")
MOST_ANSWERS = 64  # 2,016 comparisons
TURN = re.compile(r"(?:\A|\n+)## (Human|Assistant):\n?")


def fits(row: Row) -> bool:
    if {"answer_0", "answer_1", "score_0", "score_1"} <= row.keys():
        return True
    return any(isinstance(row.get(name), list) and row[name] and _has_numbers(row, row[name][0]) for name in LISTS)


def _has_numbers(row: Row, first: object) -> bool:
    own = isinstance(first, dict) and any(name in first for name in OWN)
    return own or any(isinstance(row.get(name), list) for name in NUMBERS)


def read(line: Line, row: Row) -> Iterator[Record]:
    if "answer_0" in row:
        prompt, answers = _webgpt(row)
    else:
        prompt, answers = _listed(row)
    if len(answers) < 2:
        raise Malformed("line", "fewer than two answers, so there is nothing to compare")
    rater = label_of(row, "annotator", label_of(row, "label_origin", "score"))
    for (one, first), (other, second) in combinations(answers, 2):
        if first.text.strip() == second.text.strip():
            continue  # nothing to prefer
        value = float((other > one) - (other < one))
        yield compared(line, row, prompt, first, second, [(rater, value, f"{abs(one):g} : {abs(other):g}", "")])


Answers = list[tuple[float, WrittenResponse]]


def _webgpt(row: Row) -> tuple[list[Message], Answers]:
    question = row.get("question")
    text = question.get("full_text") if isinstance(question, dict) else question
    answers = [
        (number_of(row.get(f"score_{n}"), f"score_{n}"), WrittenResponse(text_of(row, f"answer_{n}"), f"answer {n}"))
        for n in (0, 1)
    ]
    return asked(checked_text(text, "question")), answers


def _listed(row: Row) -> tuple[list[Message], Answers]:
    name = next((name for name in LISTS if isinstance(row.get(name), list)), "")
    if not name:
        raise Malformed("line", f"has no list of answers ({', '.join(LISTS)})")
    listed = row[name]
    if len(listed) > MOST_ANSWERS:
        raise Malformed(name, f"{len(listed):,} answers; at most {MOST_ANSWERS} fit")
    numbers = next((field for field in NUMBERS if isinstance(row.get(field), list)), None)
    if numbers and len(row[numbers]) != len(listed):
        raise Malformed(numbers, f"has {len(row[numbers])} numbers for {len(listed)} answers")
    prompt = _prompt(row)
    answers: Answers = []
    for place, answer in enumerate(listed):
        text, author = _written(answer, f"{name}[{place}]", place)
        field = numbers or next((own for own in OWN if isinstance(answer, dict) and own in answer), "score")
        own_number = answer.get(field) if isinstance(answer, dict) else None
        number = number_of(row[numbers][place] if numbers else own_number, field)
        if not prompt or name == "text":
            before, text = _split(text, name)
            if prompt and before != prompt:
                raise Malformed(name, "the transcripts differ before the last turn")
            prompt = before
        answers.append((-number if field.startswith("rank") else number, WrittenResponse(text, author)))
    return prompt, answers


def _prompt(row: Row) -> list[Message]:
    for field in ("prompt", "instruction", "question"):
        if is_messages(row.get(field)):
            return messages_of(row[field], field)
        if isinstance(row.get(field), str):
            return asked(text_of(row, field))
    return []


def _written(answer: Any, field: str, place: int) -> tuple[str, str]:
    if not isinstance(answer, dict):
        return any_text(answer, field), f"answer {place + 1}"
    text = next((answer[name] for name in ("response", "text", "content", "completion") if name in answer), None)
    return any_text(text, field), label_of(answer, "model", f"answer {place + 1}")


def _split(text: str, field: str) -> tuple[list[Message], str]:
    """The turns of "## Human:\\n…\\n\\n## Assistant:\\n…" before the last, and the last."""
    _, *parts = TURN.split(text)
    turns = list(zip(parts[::2], parts[1::2], strict=True))
    if len(turns) < 2 or turns[-1][0] != "Assistant":
        raise Malformed(field, "is no transcript that ends with “## Assistant:”, and there is no prompt")
    roles = {"Human": "user", "Assistant": "assistant"}
    return [{"role": roles[speaker], "content": said.strip()} for speaker, said in turns[:-1]], turns[-1][1]


read_scores = Format(
    "scores", '{"prompt", "responses": […], "scores" or "ranks": […]}, WebGPT, UltraFeedback', fits, read
)
