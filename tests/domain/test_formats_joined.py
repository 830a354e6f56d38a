"""Judgments are put together with the answers that stand in another file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from annotator.domain.formats.detection import parts_of
from annotator.domain.formats.joined import alpaca, mt_bench, ukp
from annotator.domain.formats.lines import Line
from annotator.domain.formats.records import BadLine, JudgedComparison, Record

OUTPUTS = [{"instruction": "Hi?", "output": f"By {name}", "generator": name} for name in "ab"]
JUDGED = {"instruction": "Hi?", "generator_1": "a", "generator_2": "b", "preference": 1.25}


def lines(*rows: object, file: str = "f") -> Iterator[Line]:
    for number, row in enumerate(rows, 1):
        yield Line(file, number, row.encode() if isinstance(row, str) else json.dumps(row).encode())


def good(records: Iterable[Record]) -> list[JudgedComparison]:
    found = list(records)
    assert all(isinstance(record, JudgedComparison) for record in found), found
    return [record for record in found if isinstance(record, JudgedComparison)]


def test_a_judgment_is_read_with_both_outputs() -> None:
    [one] = good(alpaca(lines(JUDGED), lines(*OUTPUTS)))

    assert (one.first.text, one.first.author, one.second.text, one.second.author) == ("By a", "a", "By b", "b")
    assert one.votes[0].value == -0.5


def test_what_has_no_answer_is_a_bad_row_that_says_which() -> None:
    [bad] = alpaca(lines(JUDGED, file="judgments.jsonl"), lines(OUTPUTS[0]))

    assert isinstance(bad, BadLine)
    assert (bad.file, bad.line) == ("judgments.jsonl", 1)
    assert "“Hi?, b”" in bad.reason


def test_a_broken_answer_is_a_bad_row_and_no_more() -> None:
    first, *rest = alpaca(lines(JUDGED), lines("{", *OUTPUTS, {"instruction": {}, "output": "x", "generator": "c"}))

    assert isinstance(first, BadLine)
    assert [type(record) for record in rest] == [BadLine, JudgedComparison]


def test_a_vote_on_the_first_turn_is_about_the_first_turn() -> None:
    def conversation(model: str) -> list[dict[str, str]]:
        said = ("user", "Hi?"), ("assistant", f"Hello{model}"), ("user", "And?"), ("assistant", f"More{model}")
        return [{"role": role, "content": content} for role, content in said]

    answers = [{"question_id": 1, "model": model, "conversation": conversation(model)} for model in "ab"]
    votes = [
        {"question_id": 1, "model_a": "a", "model_b": "b", "judge": "j", "turn": turn, "winner": "model_b"}
        for turn in (1, 2)
    ]

    one, two = good(mt_bench(lines(*votes), lines(*answers)))

    assert (one.first.text, two.first.text) == ("Helloa", "Helloa\n\nUser: And?\n\nAssistant: Morea")
    assert (one.votes[0].rater, one.votes[0].value) == ("j", 1.0)


def test_each_worker_votes_with_a_reason() -> None:
    people = [{"worker": "w1", "value": "a1", "reason": "Clear."}, {"worker": "w2", "value": "equal", "reason": ""}]
    pair = {"debate_file": "d", "debate": "Bottles", "arg1": "x", "arg2": "y", "mTurkAssignments": people}
    arguments = [{"debate_file": "d", "id": name, "stance": "No", "text": f"Text {name}"} for name in "xy"]

    [one] = good(ukp(lines(pair), lines(*arguments)))

    assert one.messages[0]["content"] == "Bottles: No\n\nWhich argument is more convincing?"
    assert [(vote.rater, vote.value, vote.rationale) for vote in one.votes] == [("w1", -1.0, "Clear."), ("w2", 0.0, "")]


def test_a_folder_is_told_by_what_its_files_hold() -> None:
    files = {"readme": [], "judged": list(lines(JUDGED)), "outputs": list(lines(*OUTPUTS))}

    assert parts_of(files) == (alpaca, ["judged"], ["outputs"])
    assert parts_of({"outputs": lines(*OUTPUTS)}) is None
