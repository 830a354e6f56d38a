"""Rows as the makers of each format publish them, and whatever else may stand in their place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotator.domain.formats.detection import ROWS, format_of
from annotator.domain.formats.lines import Line
from annotator.domain.formats.records import AnsweredPrompt, BadLine, JudgedComparison, Record

USER, YES, NO = ({"role": r, "content": c} for r, c in (("user", "Hi?"), ("assistant", "Yes."), ("assistant", "No.")))
PAIR = {"response_1": "Yes.", "response_2": "No."}


def read(row: dict[str, Any]) -> tuple[str, list[Record]]:
    line = Line("some.jsonl", 1, json.dumps(row).encode())
    name = format_of([line])
    assert name is not None, row
    return name, list(ROWS[name]([line]))


# Row → its format and, for each vote, (rater, value): negative prefers "Yes.", which stands first.
JUDGED: list[tuple[dict[str, Any], str, list[tuple[str, float | None]]]] = [
    (
        {"input": {"messages": [USER]}, "preferred_output": [YES], "non_preferred_output": [NO]},
        "openai", [("openai", -1.0)],
    ),
    (
        {"model_a": "m", "model_b": "n", "winner": "tie (bothbad)", "judge": "j7", "turn": 1,
         "conversation_a": [USER, YES], "conversation_b": [USER, NO]},
        "arena", [("j7", None)],
    ),
    (
        {"instruction": "Hi?", "output_1": "Yes.", "output_2": "No.", "generator_1": "m", "generator_2": "n",
         "annotator": "gpt", "preference": 1.25},
        "alpaca_eval", [("gpt", -0.5)],
    ),
    (
        {"prompt": "Hi?", **PAIR, "preference_strength": -3, "preference_elaboration": "Because."},
        "helpsteer", [("helpsteer", -1.0)],
    ),
    (
        {"domain": "general", "language": "english", "context": [USER], "response1": "Yes.", "response2": "No.",
         "overall_preference": 0, "individual_preference": [{"score": -3, "reasoning": "A"}, {"score": 0}]},
        "helpsteer", [("annotator-1", -1.0), ("annotator-2", 0.0)],
    ),
    (
        {"question": {"full_text": "Hi?"}, "answer_0": "Yes.", "answer_1": "No.", "score_0": 0.5, "score_1": -0.5},
        "scores", [("score", -1.0)],
    ),
    (
        {"instruction": "Hi?", "models": ["m", "n"],
         "completions": [{"model": "m", "response": "Yes.", "overall_score": 8.5},
                         {"model": "n", "response": "No.", "overall_score": 3.0}]},
        "scores", [("score", -1.0)],
    ),
    ({"prompt": "Hi?", "responses": ["Yes.", "No."], "ranks": [1, 2]}, "scores", [("score", -1.0)]),
    (
        {"prompt": "Hi?", "response_a": "Yes.", "response_b": "No.", "winner": "A", "rater": "ann"},
        "pairs", [("ann", -1.0)],
    ),
    (
        {"data": {"prompt": "Hi?", "answer1": "Yes.", "answer2": "No."},
         "annotations": [
             {"completed_by": {"email": "a@x"}, "result": [{"type": "pairwise", "value": {"selected": "left"}}]},
             {"completed_by": 2, "was_cancelled": True, "result": []}]},
        "label_studio", [("a@x", -1.0)],
    ),
    (
        {"fields": {"instruction": "Hi?", "response1": "Yes.", "response2": "No."}, "status": "completed",
         "responses": [{"user_id": "u1", "status": "submitted", "values": {"preference": {"value": "response1"}}},
                       {"user_id": "u2", "status": "discarded", "values": None}]},
        "argilla", [("u1", -1.0)],
    ),
    (
        {"fields": {"instruction": "Hi?", "response1": "Yes.", "response2": "No."},
         "responses": {"preference": [{"user_id": "u1", "value": "response1"}]}},
        "argilla", [("u1", -1.0)],
    ),
    (
        {"fields": {"instruction": "Hi?", "response1": "Yes.", "response2": "No."},
         "responses": {"quality": [{"user_id": "u1", "value": 2}],
                       "preference": [{"user_id": "u1", "value": ["response-1", "response-2"]}]}},
        "argilla", [("u1", -1.0)],
    ),
    (
        {"prompt": "Hi?", "response1": "Yes.", "response2": "No.", "metadata": "{}",
         "preference": [
             {"user_id": "u1", "value": {"value": ["response1", "response2"], "rank": [2, 1]}, "status": "submitted"},
             {"user_id": "u2", "value": {"value": ["response1", "response2"], "rank": [1, 1]}, "status": "submitted"},
             {"user_id": "u3", "value": {"value": ["response1", "response2"], "rank": [1, 2]}, "status": "discarded"}]},
        "argilla", [("u1", 1.0), ("u2", 0.0)],
    ),
    (
        {"prompt": "Hi?", "response1": "Yes.", "response2": "No.", "better.responses": ["response2", "response1"],
         "better.responses.users": ["u1", "u2"], "better.responses.status": ["submitted", "draft"]},
        "argilla", [("u1", 1.0)],
    ),
    (
        {"data": {"prompt": "Hi?", "answer1": "Yes.", "answer2": "No."}, "annotations": [
            {"completed_by": 7, "result": [{"type": "choices", "value": {"choices": ["Harmful"]}},
                                           {"type": "rating", "value": {"rating": 2}},
                                           {"type": "pairwise", "value": {"selected": "right"}}]}]},
        "label_studio", [("7", 1.0)],
    ),
    (
        {"instruction": "Hi?", "input": "", "response1": True, "response2": False, "cmp_key": "m_n", "annotator1": 1},
        "pandalm", [("annotator1", -1.0)],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("row", "name", "votes"), JUDGED, ids=[f"{n}-{at}" for at, (_, n, _v) in enumerate(JUDGED)])
def test_a_published_row_is_told_and_keeps_who_said_what(
    row: dict[str, Any], name: str, votes: list[tuple[str, float | None]]
) -> None:
    found, (record,) = read(row)

    assert found == name
    assert isinstance(record, JudgedComparison), record
    assert record.messages == [USER]
    yes = {"Yes.", "true"}
    sign = 1 if record.first.text in yes else -1
    assert [
        (vote.rater, vote.value if vote.value is None else sign * vote.value + 0.0) for vote in record.votes
    ] == votes


# Row → its format and the answers with author and label.
ANSWERED: list[tuple[dict[str, Any], str, list[tuple[str, str, bool | None]]]] = [
    ({"prompt": "Hi?"}, "trl", []),
    ({"prompt": [USER]}, "trl", []),
    ({"prompt": "Hi?", "completion": "Yes."}, "trl", [("Yes.", "demonstration", None)]),
    ({"prompt": [USER], "completion": [YES], "label": False}, "trl", [("Yes.", "completion", False)]),
    ({"messages": [USER, YES]}, "trl", [("Yes.", "demonstration", None)]),
    ({"text": "\n\nHuman: Hi?\n\nAssistant: Yes."}, "trl", [("Yes.", "demonstration", None)]),
    ({"text": "Hi?"}, "trl", []),
    (
        {"conversations": [{"from": "human", "value": "Hi?"}, {"from": "gpt", "value": "Yes."}]},
        "sharegpt", [("Yes.", "demonstration", None)],
    ),
    ({"instruction": "Hi?", "output": "Yes.", "generator": "m"}, "instructions", [("Yes.", "m", None)]),
    ({"question_id": 1, "turns": ["Hi?", "And now?"]}, "questions", []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "name", "answers"), ANSWERED, ids=[f"{n}-{at}" for at, (_, n, _a) in enumerate(ANSWERED)]
)
def test_what_nobody_compared_is_a_prompt_with_its_answers(
    row: dict[str, Any], name: str, answers: list[tuple[str, str, bool | None]]
) -> None:
    found, (record,) = read(row)

    assert found == name
    assert isinstance(record, AnsweredPrompt), record
    assert record.messages == [USER]
    assert [(one.text, one.author, one.label) for one in record.responses] == answers


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"instruction": "Hi?", "output_1": "a", "output_2": "b", "preference": None}, "preference"),
        ({"instruction": "Hi?", "output_1": "a", "output_2": "b", "preference": 7}, "preference"),
        ({"prompt": "Hi?", **PAIR, "preference_strength": 9}, "preference_strength"),
        ({"prompt": "Hi?", **PAIR, "label": "perhaps"}, "label"),
        ({"prompt": "Hi?", "responses": ["a", "b"], "scores": [1]}, "scores"),
        ({"prompt": "Hi?", "responses": ["a", "b"], "scores": [1, float("nan")]}, "scores"),
    ],
)
def test_a_row_that_breaks_the_rules_of_its_kind_says_where(row: dict[str, Any], field: str) -> None:
    _, (record,) = read(row)

    assert isinstance(record, BadLine)
    assert record.field == field


# --- hostile rows -----------------------------------------------------------------

NAMES = sorted({key for row, *_ in [*JUDGED, *ANSWERED] for key in row} | {"chosen", "rejected", "message_tree_id"})
PARTS = [value for row, *_ in [*JUDGED, *ANSWERED] for value in row.values()]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(PARTS),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=150)
@given(
    base=st.sampled_from([row for row, *_ in [*JUDGED, *ANSWERED]]),
    changes=st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=3),
)
def test_no_row_makes_any_reader_raise(base: dict[str, Any], changes: dict[str, Any]) -> None:
    line = Line("any", 1, json.dumps({**base, **changes}).encode())
    format_of([line])
    for one in ROWS.values():
        assert all(isinstance(record, JudgedComparison | AnsweredPrompt | BadLine) for record in one([line]))
