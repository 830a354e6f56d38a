"""LLMFAO folders: votes find their comparison, or are reported."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from annotator.domain.formats.lines import Line, lines_of
from annotator.domain.formats.llmfao import LlmfaoFiles, LlmfaoReader
from annotator.domain.formats.records import BadLine, JudgedComparison, Record
from annotator.domain.verdicts import Outcome

HEADER = b"id,prompt,model_x,model_y,worker,winner\n"
PAIR: dict[str, Any] = {
    "id": 0, "prompt": 8, "text": "Why?", "slug": "why",
    "model_x": 1, "result_x": "So.", "model_y": 2, "result_y": "No.",
}  # fmt: skip


def jsonl(*rows: object, file: str = "pairs-crowd.jsonl") -> list[Line]:
    return list(lines_of([b"\n".join(json.dumps(row).encode() for row in rows)], file=file))


def read(votes: bytes, *pairs: object, **others: list[Line]) -> tuple[list[Record], LlmfaoReader]:
    csv = lines_of([HEADER + votes], file="crowd-comparisons.csv")
    reader = LlmfaoReader(LlmfaoFiles(comparisons=jsonl(*pairs), votes=csv, **others))
    return list(reader.read()), reader


def test_left_right_and_tie_are_kept_in_the_shown_order() -> None:
    (judged,), _ = read(
        b"0,8,1,2,5,left\n0,8,1,2,6,right\n0,8,1,2,7,tie\n", PAIR, models=jsonl({"id": 1, "name": "One"})
    )

    assert isinstance(judged, JudgedComparison)
    assert [(v.rater, v.outcome, v.value, v.answer) for v in judged.votes] == [
        ("5", Outcome.PREFER, -1.0, "left"),
        ("6", Outcome.PREFER, 1.0, "right"),
        ("7", Outcome.TIE, 0.0, "tie"),
    ]
    assert all(v.first_on_left for v in judged.votes)
    assert (judged.first.author, judged.first.text, judged.second.author) == ("One", "So.", "model 2")
    assert judged.messages == [{"role": "user", "content": "Why?"}]


def test_bad_votes_are_reported_one_by_one() -> None:
    votes = b'0,8,1,2,5,left\n0,8,1,2,6,both\n0,8,1,2,,tie\n0,8,1\n9,8,1,2,5,tie\n0,8,1,2,8,"tie\n0,8,1,2,9,tie\n'
    records, _ = read(votes, PAIR)

    bad = {r.line: (r.field, r.reason) for r in records if isinstance(r, BadLine)}
    (judged,) = (r for r in records if isinstance(r, JudgedComparison))
    assert [v.rater for v in judged.votes] == ["5", "9"]
    assert bad[3] == ("winner", "'both' is none of left, right, tie")
    assert bad[4] == ("worker", "empty")
    assert bad[5] == ("line", "3 columns; the header has 6")
    assert bad[6] == ("id", "no comparison has this id")
    assert "not a row of a CSV file" in bad[7][1]


def test_the_votes_on_a_bad_comparison_are_reported_with_it() -> None:
    records, _ = read(b"0,8,1,2,5,left\n0,8,1,2,6,tie\n", {**PAIR, "result_y": None})

    assert [(r.file, r.line, r.field) for r in records if isinstance(r, BadLine)] == [
        ("pairs-crowd.jsonl", 1, "result_y"),
        ("crowd-comparisons.csv", 2, "id"),
        ("crowd-comparisons.csv", 3, "id"),
    ]


def test_what_has_no_votes_is_left_aside_and_counted() -> None:
    records, reader = read(b"0,8,1,2,5,left\n", PAIR, {**PAIR, "id": 1}, results=jsonl({"prompt": 9}, {"prompt": 8}))

    assert len(records) == 1
    assert reader.notes == [
        "1 comparisons without a vote were left aside.",
        "1 answers to prompts that nobody judged were left aside.",
    ]


def test_a_comparison_whose_prompt_reads_differently_is_bad() -> None:
    records, _ = read(b"0,8,1,2,5,left\n", PAIR, prompts=jsonl({"id": 8, "text": "Why not?"}))

    assert isinstance(records[0], BadLine)
    assert records[0].field == "text"


@given(votes=st.binary(max_size=200), pairs=st.lists(st.binary(max_size=80), max_size=3), models=st.binary(max_size=80))
def test_no_garbage_makes_it_raise(votes: bytes, pairs: list[bytes], models: bytes) -> None:
    files = LlmfaoFiles(
        comparisons=lines_of([b"\n".join(pairs)], file="p"),
        votes=lines_of([HEADER + votes], file="v"),
        models=lines_of([models], file="m"),
        prompts=lines_of([models], file="m"),
        results=lines_of([models], file="m"),
    )

    assert all(isinstance(record, BadLine) for record in LlmfaoReader(files).read())
