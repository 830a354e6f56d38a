"""Preference files: what a good line becomes, and what is said of a bad one."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotator.domain.formats.detection import format_of
from annotator.domain.formats.hh import read_hh
from annotator.domain.formats.lines import MAX_LINE_BYTES, Line, lines_of
from annotator.domain.formats.records import MAX_CHARACTERS, BadLine, JudgedComparison, Record
from annotator.domain.formats.sharegpt import read_sharegpt
from annotator.domain.formats.triples import read_triples
from annotator.domain.formats.trl import read_trl
from annotator.domain.verdicts import Outcome

Reader = Callable[[Iterable[Line]], Iterator[Record]]


def lines(*rows: object, file: str = "some.jsonl") -> list[Line]:
    texts = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    return list(lines_of([b"\n".join(texts)], file=file))


def only(read: Reader, row: object) -> Record:
    (record,) = read(lines(row))
    return record


def good(read: Reader, row: object) -> JudgedComparison:
    record = only(read, row)
    assert isinstance(record, JudgedComparison), record
    return record


def bad(read: Reader, row: object) -> BadLine:
    record = only(read, row)
    assert isinstance(record, BadLine), record
    return record


def preferred(judged: JudgedComparison) -> str:
    (vote,) = judged.votes
    return (judged.first if (vote.value or 0) < 0 else judged.second).text


def hh(answer: str, before: str = "\n\nHuman: Hi?\n\nAssistant: ") -> str:
    return before + answer


# --- hh -----------------------------------------------------------------------


def test_an_hh_line_becomes_a_prompt_two_responses_and_a_vote_for_chosen() -> None:
    judged = good(read_hh, {"chosen": hh("Hello!"), "rejected": hh("What?")})

    assert judged.messages == [{"role": "user", "content": "Hi?"}]
    assert {(r.text, r.author) for r in (judged.first, judged.second)} == {("Hello!", "chosen"), ("What?", "rejected")}
    assert preferred(judged) == "Hello!"
    assert [(v.rater, v.outcome, v.answer) for v in judged.votes] == [("hh", Outcome.PREFER, "chosen")]


def test_all_turns_that_both_share_are_the_prompt() -> None:
    before = "\n\nHuman: Hi?\n\nAssistant: Hello.\n\nHuman: And now?\n\nAssistant: "
    judged = good(read_hh, {"chosen": hh("Sleep.", before), "rejected": hh("Eat.", before)})

    assert [m["role"] for m in judged.messages] == ["user", "assistant", "user"]
    assert judged.messages[-1]["content"] == "And now?"


def test_turns_of_one_speaker_in_a_row_are_joined_so_no_word_is_lost() -> None:
    judged = good(read_hh, {"chosen": hh("One moment.\n\nAssistant: It costs 5."), "rejected": hh("No idea.")})

    assert preferred(judged) == "One moment.\n\nIt costs 5."
    assert judged.messages == [{"role": "user", "content": "Hi?"}]


def test_an_empty_answer_is_an_answer() -> None:
    assert preferred(good(read_hh, {"chosen": hh("Hello!"), "rejected": hh("")})) == "Hello!"


def test_which_response_is_first_says_nothing_about_which_is_better() -> None:
    """Of 400 comparisons about half have the better one first (200 ± 4 standard deviations of 10)."""
    rows = [{"chosen": hh(f"Yes {n}"), "rejected": hh(f"No {n}")} for n in range(400)]
    judged = [good(read_hh, row) for row in rows]

    assert 160 < sum((j.votes[0].value or 0) < 0 for j in judged) < 240
    assert 160 < sum(j.votes[0].first_on_left for j in judged) < 240
    assert judged == [good(read_hh, row) for row in rows]


def test_source_and_label_origin_are_kept() -> None:
    extra = {"source": "webgpt", "source_id": 7, "label_origin": "llm"}
    judged = good(read_hh, {"chosen": hh("Hello!"), "rejected": hh("What?"), **extra})

    assert (judged.source, judged.tags, judged.votes[0].rater) == ("webgpt/7", ("webgpt",), "llm")


@pytest.mark.parametrize(
    ("row", "field", "reason"),
    [
        (b'{"chosen": "\\n\\nHuman: Hi', "line", "not valid JSON at character"),
        (b"\xff\xfe{}", "line", "not UTF-8 at byte 1"),
        (b"[1, 2]", "line", "a JSON object is needed, this is a list"),
        (b"[" * 100_000, "line", "nested deeper than 16"),
        (b'{"x":' * 20 + b"1" + b"}" * 20, "line", "nested deeper than 16"),
        (b"9" * 5000, "line", "not valid JSON"),
        ({"chosen": hh("Hello!")}, "rejected", "missing"),
        ({"chosen": 5, "rejected": hh("What?")}, "chosen", "must be text, this is a number"),
        ({"chosen": hh("Same."), "rejected": hh(" Same.")}, "rejected", "the same text as chosen"),
        ({"chosen": "\n\nHuman: Hi?", "rejected": hh("What?")}, "chosen", "does not end with an assistant's turn"),
        ({"chosen": "Hello!", "rejected": hh("What?")}, "chosen", "does not begin with"),
        ({"chosen": "\n\nAssistant: a", "rejected": "\n\nAssistant: b"}, "chosen", "no turn comes before"),
        ({"chosen": "\n\nHuman:  \n\nAssistant: a", "rejected": "\n\nHuman:  \n\nAssistant: b"}, "chosen", "is empty"),
        (
            {"chosen": hh("Hello!"), "rejected": "\n\nHuman: Bye?\n\nAssistant: What?"},
            "rejected",
            "differs from chosen before the last turn, in turn 1",
        ),
        (
            {"chosen": hh("Hello!"), "rejected": hh("What?\n\nHuman: Oh\n\nAssistant: Yes")},
            "rejected",
            "has 4 turns and chosen has 2",
        ),
        ({"chosen": hh("a\x00"), "rejected": hh("b")}, "chosen", "NUL"),
        (b'{"chosen": "\\ud800", "rejected": "b"}', "chosen", "surrogate"),
        ({"chosen": hh("a"), "rejected": hh("b"), "source": {}}, "source", "must be text, this is an object"),
        ({"chosen": hh("a"), "rejected": hh("b"), "tags": "x"}, "tags", "must be a list, this is text"),
        ({"chosen": hh("a" * (MAX_CHARACTERS + 1)), "rejected": hh("b")}, "chosen", "at most 100,000 fit"),
    ],
)
def test_a_bad_hh_line_is_reported_with_its_field_and_reason(row: object, field: str, reason: str) -> None:
    line = bad(read_hh, row)

    assert (line.file, line.line, line.field) == ("some.jsonl", 1, field)
    assert reason in line.reason


# --- trl ----------------------------------------------------------------------

USER = {"role": "user", "content": "Hi?"}
YES, NO = {"role": "assistant", "content": "Yes."}, {"role": "assistant", "content": "No."}


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Hi?", "chosen": "Yes.", "rejected": "No."},
        {"prompt": [USER], "chosen": [YES], "rejected": [NO]},
        {"prompt": [USER], "chosen": "Yes.", "rejected": "No."},
        {"chosen": [USER, YES], "rejected": [USER, NO]},
        {"prompt": "Hi?", "chosen": [USER, YES], "rejected": [USER, NO], "score_chosen": 8.5},
        {"prompt": "\n\nHuman: Hi?\n\nAssistant:", "chosen": "Yes.", "rejected": "No."},
    ],
)
def test_every_form_of_a_trl_row_means_the_same(row: dict[str, Any]) -> None:
    judged = good(read_trl, row)

    assert judged.messages == [USER]
    assert preferred(judged) == "Yes."
    assert judged.votes[0].rater == "trl"


@pytest.mark.parametrize(
    ("row", "field", "reason"),
    [
        ({"chosen": "Yes.", "rejected": "No."}, "prompt", "missing"),
        ({"chosen": [YES], "rejected": [NO]}, "prompt", "missing"),
        ({"prompt": "Hi?", "rejected": "No."}, "chosen", "missing"),
        ({"prompt": "Hi?", "chosen": None, "rejected": "No."}, "chosen", "must be text, this is null"),
        ({"prompt": "Hi?", "chosen": [USER], "rejected": [NO]}, "chosen", "does not end with an assistant's turn"),
        ({"prompt": "Hi?", "chosen": [], "rejected": [NO]}, "chosen", "does not end with an assistant's turn"),
        ({"prompt": [YES], "chosen": "a", "rejected": "b"}, "chosen", "it must be the user's"),
        ({"prompt": [5], "chosen": "a", "rejected": "b"}, "prompt", "turn 1 is not an object"),
        ({"prompt": [{"role": "tool", "content": ""}], "chosen": "a", "rejected": "b"}, "prompt", "the role 'tool'"),
        ({"prompt": [{"role": "user"}], "chosen": "a", "rejected": "b"}, "prompt.content", "must be text"),
    ],
)
def test_a_bad_trl_line_is_reported_with_its_field_and_reason(row: object, field: str, reason: str) -> None:
    line = bad(read_trl, row)

    assert line.field == field
    assert reason in line.reason


# --- sharegpt -------------------------------------------------------------------

ASKED = [{"from": "human", "value": "Hi?"}]


def gpt(value: object) -> dict[str, object]:
    return {"from": "gpt", "value": value}


@pytest.mark.parametrize("edited", ["Yes!", [{"role": "assistant", "content": "Yes!"}]])
def test_an_improved_answer_belongs_to_the_judgment_of_its_rater(edited: object) -> None:
    judged = good(
        read_triples, {"prompt": [USER], "edited": edited, "chosen": [YES], "rejected": "No.", "rater": "ann"}
    )

    assert preferred(judged) == "Yes."
    assert [(vote.rater, vote.edited) for vote in judged.votes] == [("ann", "Yes!")]


@pytest.mark.parametrize(
    ("row", "field", "reason"),
    [
        ({"prompt": "Hi?", "edited": " ", "chosen": "a", "rejected": "b"}, "edited", "empty"),
        ({"prompt": "Hi?", "edited": [USER], "chosen": "a", "rejected": "b"}, "edited", "an assistant's turn"),
        ({"prompt": "What?", "edited": [USER, YES], "chosen": "a", "rejected": "b"}, "edited", "another prompt"),
        ({"prompt": "Hi?", "edited": None, "chosen": "a", "rejected": "b"}, "edited", "must be text"),
    ],
)
def test_a_bad_triple_is_reported_with_its_field_and_reason(row: object, field: str, reason: str) -> None:
    line = bad(read_triples, row)

    assert line.field == field
    assert reason in line.reason


def test_a_sharegpt_row_becomes_a_comparison() -> None:
    row = {"conversations": ASKED, "chosen": gpt("Yes."), "rejected": gpt("No."), "system": "Be brief."}
    judged = good(read_sharegpt, row)

    assert judged.messages == [{"role": "system", "content": "Be brief."}, USER]
    assert (preferred(judged), judged.votes[0].rater) == ("Yes.", "sharegpt")


@pytest.mark.parametrize(
    ("row", "field", "reason"),
    [
        ({"chosen": gpt("a"), "rejected": gpt("b")}, "conversations", "must be a list"),
        ({"conversations": [5], "chosen": gpt("a"), "rejected": gpt("b")}, "conversations", "an object with from"),
        ({"conversations": [], "chosen": gpt("a"), "rejected": gpt("b")}, "chosen", "no turn comes before"),
        ({"conversations": ASKED, "chosen": gpt("a")}, "rejected", "an object with from"),
        ({"conversations": ASKED, "chosen": {"from": "tool"}, "rejected": gpt("b")}, "chosen", "from 'tool'"),
        ({"conversations": ASKED, "chosen": gpt(5), "rejected": gpt("b")}, "chosen.value", "must be text"),
        ({"conversations": ASKED, "chosen": gpt("a"), "rejected": gpt("a")}, "rejected", "the same text"),
    ],
)
def test_a_bad_sharegpt_line_is_reported_with_its_field_and_reason(row: object, field: str, reason: str) -> None:
    line = bad(read_sharegpt, row)

    assert line.field == field
    assert reason in line.reason


# --- any line -----------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
turns = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant", "system", "x"]), "content": json_values}),
    max_size=4,
)
transcripts = st.lists(st.sampled_from(["\n\nHuman: ", "\n\nAssistant: ", "a", " ", "Human:", "\x00"]), max_size=8).map(
    "".join
)
sides = transcripts | turns | json_values
rows = st.fixed_dictionaries(
    {},
    optional={
        "chosen": sides, "rejected": sides, "prompt": sides, "edited": sides, "source": json_values,
        "conversations": sides, "source_id": json_values, "tags": json_values, "label_origin": json_values,
    },
)  # fmt: skip
garbage = (
    st.binary(max_size=200)
    | rows.map(lambda row: json.dumps(row).encode())
    | json_values.map(lambda value: json.dumps(value).encode())
)


@pytest.mark.parametrize("read", [read_hh, read_trl, read_sharegpt, read_triples])
@settings(max_examples=50)
@given(data=st.lists(garbage, max_size=4).map(b"\n".join))
def test_any_line_is_read_or_reported(read: Reader, data: bytes) -> None:
    """As many records as lines with something on them; no input makes a reader raise."""
    numbers = [number for number, line in enumerate(data.split(b"\n"), start=1) if line.strip()]
    records = list(read(lines_of([data], file="any")))
    found = [r.votes[0].line if isinstance(r, JudgedComparison) else r.line for r in records]

    if not data.startswith(b"\xef\xbb\xbf"):
        assert found == numbers
    format_of(lines_of([data], file="any"))


@given(
    prompt=st.text(min_size=1).filter(str.strip),
    chosen=st.text(),
    rejected=st.text(),
)
def test_a_trl_row_keeps_its_texts_to_the_letter(prompt: str, chosen: str, rejected: str) -> None:
    record = only(read_trl, {"prompt": [{"role": "user", "content": prompt}], "chosen": chosen, "rejected": rejected})

    if not isinstance(record, JudgedComparison):
        assert chosen.strip() == rejected.strip() or "\x00" in prompt + chosen + rejected
    else:
        assert record.messages == [{"role": "user", "content": prompt}]
        assert {record.first.text, record.second.text} == {chosen, rejected}
        assert preferred(record) == chosen


# --- lines and detection ------------------------------------------------------


@given(data=st.binary(max_size=300), cuts=st.lists(st.integers(0, 300), max_size=5))
def test_lines_do_not_depend_on_where_the_chunks_end(data: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(data)]
    chunks = [data[a:b] for a, b in pairwise(edges) if a <= b]

    assert list(lines_of(chunks, file="f", max_bytes=20)) == list(lines_of([data], file="f", max_bytes=20))


def test_an_overlong_line_is_reported_and_the_next_one_is_read() -> None:
    found = list(lines_of([b"12345678", b"9\n12345", b"\n\n67"], file="f", max_bytes=5))

    assert [(line.number, line.data, line.is_whole) for line in found] == [
        (1, b"", False),
        (2, b"12345", True),
        (4, b"67", True),
    ]
    assert "longer than" in next(r for r in read_hh(found) if isinstance(r, BadLine)).reason


def test_a_line_without_end_costs_some_megabytes() -> None:
    chunk = b"a" * MAX_LINE_BYTES
    tracemalloc.start()
    try:
        lines = list(lines_of((chunk for _ in range(32)), file="f"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert [(line.is_whole, line.data) for line in lines] == [(False, b"")]
    assert peak < 5 * MAX_LINE_BYTES


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm() -> None:
    assert [line.data for line in lines_of([b"\xef\xbb\xbfa\r\nb\r\n"], file="f")] == [b"a", b"b"]


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([{"chosen": hh("a"), "rejected": hh("b")}], "hh"),
        ([b"{broken", {"chosen": hh("a"), "rejected": hh("b")}], "hh"),
        ([{"prompt": "Hi?", "chosen": "a", "rejected": "b"}], "trl"),
        ([{"chosen": [USER, YES], "rejected": [USER, NO]}], "trl"),
        ([{"prompt": "Hi?", "edited": "c", "chosen": "a", "rejected": "b"}], "triples"),
        ([{"conversations": ASKED, "chosen": gpt("a"), "rejected": gpt("b")}], "sharegpt"),
        ([{"chosen": "a", "rejected": "b"}], None),
        ([{"instruction": "Hi?", "output": "a"}], "instructions"),
        ([b"PK\x03\x04"], None),
        ([], None),
    ],
)
def test_the_format_is_told_from_the_content(rows: list[object], found: str | None) -> None:
    assert format_of(lines(*rows)) == found
