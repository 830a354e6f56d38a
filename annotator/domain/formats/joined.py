"""Judgments in one file about answers in another one of the same folder: each is read with the answers put in.

AlpacaEval  {"instruction", "generator_1", "generator_2", "preference"}, {"instruction", "output", "generator"}
MT-Bench    {"question_id", "model_a", "model_b", "turn", "judge", "winner"}, {"question_id", "model", "conversation"}
UKPConvArg  {"debate_file", "arg1", "arg2", "mTurkAssignments"}, {"debate_file", "id", "stance", "text"}
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from annotator.domain.formats.alpaca import read_alpaca
from annotator.domain.formats.arena import read_arena
from annotator.domain.formats.lines import Line
from annotator.domain.formats.records import (
    Malformed,
    Record,
    WrittenResponse,
    any_text,
    asked,
    compared,
    label_of,
    object_of,
    text_of,
)
from annotator.domain.formats.rows import Format, Row

MOST_BYTES = 512 * 1024 * 1024  # of the files with answers: they are in memory while the judgments are read
MOST_PEOPLE = 1000
SIDES = {"a1": -1.0, "a2": 1.0, "equal": 0.0}

Answers = dict[tuple[Any, ...], Any]


@dataclass(frozen=True)
class Joined:
    """A format whose rows lack their answers.

    judges  a row about answers, and the keys of those
    holds   a row with an answer, and its key
    whole   a row about answers with these put in, as `read` takes it
    """

    name: str
    what: str
    judges: Callable[[Row], bool]
    keys: Callable[[Row], tuple[tuple[Any, ...], tuple[Any, ...]]]
    holds: Callable[[Row], bool]
    key: Callable[[Row], tuple[Any, ...]]
    whole: Callable[[Row, Row, Row], Row]
    read: Format

    def __call__(self, judgments: Iterable[Line], answers: Iterable[Line]) -> Iterator[Record]:
        """What each row about answers becomes, and a BadLine for each row of either kind that does not fit."""
        known: Answers = {}
        taken = 0
        for line in answers:
            try:
                row = object_of(line)
                taken += len(line.data)
                if taken > MOST_BYTES:
                    raise Malformed("line", f"more than {MOST_BYTES // 1024**2} MiB of answers; import in parts")
                known.setdefault(_hashable(self.key(row)), row)
            except Malformed as error:
                yield error.at(line)
        for line in judgments:
            try:
                row = object_of(line)
                first, second = (_answer(known, _hashable(key)) for key in self.keys(row))
                yield from self.read.read(line, self.whole(row, first, second))
            except Malformed as error:
                yield error.at(line)


def _hashable(key: tuple[Any, ...]) -> tuple[Any, ...]:
    if not all(isinstance(part, str | int) for part in key):
        raise Malformed("line", "does not name an answer with texts or whole numbers")
    return key


def _answer(known: Answers, key: tuple[Any, ...]) -> Row:
    if key not in known:
        says = ", ".join(str(part)[:60] for part in key)
        raise Malformed("line", f"no file of the folder holds the answer “{says}”")
    found: Row = known[key]
    return found


alpaca = Joined(
    "alpaca_eval_folder",
    'a folder with AlpacaEval {"instruction", "generator_1", "generator_2", "preference"} and the outputs',
    judges=lambda row: (
        {"instruction", "generator_1", "generator_2", "preference"} <= row.keys() and "output_1" not in row
    ),
    keys=lambda row: (
        (row.get("instruction"), row.get("generator_1")),
        (row.get("instruction"), row.get("generator_2")),
    ),
    holds=lambda row: {"instruction", "output", "generator"} <= row.keys(),
    key=lambda row: (row.get("instruction"), row.get("generator")),
    whole=lambda row, first, second: {**row, "output_1": first.get("output"), "output_2": second.get("output")},
    read=read_alpaca,
)


def _until_turn(row: Row, first: Row, second: Row) -> Row:
    """Worked: a vote on turn 1 is about the first question and its answers, on turn 2 about both."""
    turn = row.get("turn", 1)
    if turn not in (1, 2):
        raise Malformed("turn", f"{str(turn)[:40]!r} is neither 1 nor 2")
    said = [one.get("conversation") for one in (first, second)]
    cut = [turns[: 2 * turn] if isinstance(turns, list) else turns for turns in said]
    return {**row, "conversation_a": cut[0], "conversation_b": cut[1], "category": first.get("category")}


mt_bench = Joined(
    "mt_bench_folder",
    'a folder with MT-Bench {"question_id", "model_a", "model_b", "winner"} and {"question_id", "conversation"}',
    judges=lambda row: {"question_id", "model_a", "model_b", "winner"} <= row.keys() and "conversation_a" not in row,
    keys=lambda row: ((row.get("question_id"), row.get("model_a")), (row.get("question_id"), row.get("model_b"))),
    holds=lambda row: {"question_id", "model", "conversation"} <= row.keys(),
    key=lambda row: (row.get("question_id"), row.get("model")),
    whole=_until_turn,
    read=read_arena,
)


def read_argued(line: Line, row: Row) -> Iterator[Record]:
    people = row.get("mTurkAssignments")
    if not isinstance(people, list) or len(people) > MOST_PEOPLE:
        raise Malformed("mTurkAssignments", f"must be a list of at most {MOST_PEOPLE:,}")
    votes = []
    for person in people:
        said = person.get("value") if isinstance(person, dict) else None
        if said not in SIDES:
            raise Malformed("mTurkAssignments.value", f"{str(said)[:40]!r} is none of {', '.join(SIDES)}")
        votes.append(
            (label_of(person, "worker", "worker"), SIDES[said], said, label_of(person, "reason", "", longest=10_000))
        )
    first, second = (
        WrittenResponse(any_text(row.get(n), n), label_of(row, f"author_{n}", n)) for n in ("text1", "text2")
    )
    question = f"{text_of(row, 'debate')}: {label_of(row, 'stance', '')}\n\nWhich argument is more convincing?"
    yield compared(line, row, asked(question), first, second, votes, tags=("debate", "stance"))


ukp = Joined(
    "ukpconvarg_folder",
    'a folder with UKPConvArg {"debate_file", "arg1", "arg2", "mTurkAssignments"} and {"debate_file", "id", "text"}',
    judges=lambda row: {"debate_file", "arg1", "arg2", "mTurkAssignments"} <= row.keys(),
    keys=lambda row: ((row.get("debate_file"), row.get("arg1")), (row.get("debate_file"), row.get("arg2"))),
    holds=lambda row: {"debate_file", "id", "text"} <= row.keys() and "arg1" not in row,
    key=lambda row: (row.get("debate_file"), row.get("id")),
    whole=lambda row, first, second: {
        **row, "text1": first.get("text"), "text2": second.get("text"), "stance": first.get("stance", ""),
        "author_text1": row.get("arg1"), "author_text2": row.get("arg2"),
    },
    read=Format("ukpconvarg", "", lambda row: False, read_argued),
)  # fmt: skip

JOINED: dict[str, Joined] = {one.name: one for one in (alpaca, mt_bench, ukp)}
