"""LLMFAO: answers of many models to a few prompts, and the votes of crowd workers on pairs of them.

    prompts.jsonl               id, text, slug, type
    models.jsonl                id, name
    results.jsonl               model, prompt, result: all that the models wrote
    pairs-crowd.jsonl           id, prompt, text, model_x, result_x, model_y, result_y
    crowd-comparisons*.csv      id, worker, winner: left (model_x), right (model_y) or tie

A comparison keeps the order in which it was shown: first = x = left.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from annotator.domain.formats.lines import Line
from annotator.domain.formats.records import (
    MAX_AUTHOR,
    BadLine,
    JudgedComparison,
    Malformed,
    Record,
    Vote,
    WrittenResponse,
    checked_prompt,
    label_of,
    object_of,
    tags_of,
    text_of,
    text_of_line,
)
from annotator.domain.verdicts import Outcome

WINNERS = {
    "left": (Outcome.PREFER, -1.0),
    "right": (Outcome.PREFER, 1.0),
    "tie": (Outcome.TIE, 0.0),
}
MAX_VOTES = 2_000_000  # of one import: they are gathered by comparison before any is stored
MAX_VOTES_OF_COMPARISON = 30_000

Votes = dict[str, list[Vote]]


@dataclass(frozen=True)
class LlmfaoFiles:
    """The lines of each file; what is optional may be empty."""

    comparisons: Iterable[Line]
    votes: Iterable[Line]
    prompts: Iterable[Line] = ()
    models: Iterable[Line] = ()
    results: Iterable[Line] = ()


@dataclass
class LlmfaoReader:
    """Reads the folder once; `notes` says afterwards what was left aside."""

    files: LlmfaoFiles
    notes: list[str] = field(default_factory=list)

    def read(self) -> Iterator[Record]:
        """A comparison for each pair with its votes; pairs without votes are left aside and counted."""
        prompts: dict[str, str] = {}
        models: dict[str, str] = {}
        votes: Votes = {}
        yield from _texts_by_id(self.files.prompts, "text", prompts)
        yield from _texts_by_id(self.files.models, "name", models)
        yield from _votes_by_comparison(self.files.votes, votes)
        judged: set[str] = set()
        without_votes = 0
        for line in self.files.comparisons:
            own: list[Vote] = []
            try:
                row = object_of(line)
                own = votes.pop(_id_of(row, "id"), [])
                if not own:
                    without_votes += 1
                    continue
                yield _comparison_of(row, prompts, models, own)
                judged.add(_id_of(row, "prompt"))
            except Malformed as error:
                yield error.at(line)
                for vote in own:
                    yield BadLine(
                        vote.file, vote.line, "id", f"its comparison, line {line.number} of {line.file}, is bad"
                    )
        for orphans in votes.values():
            for vote in orphans:
                yield BadLine(vote.file, vote.line, "id", "no comparison has this id")
        self._note(without_votes, judged)

    def _note(self, without_votes: int, judged: set[str]) -> None:
        if without_votes:
            self.notes.append(f"{without_votes:,} comparisons without a vote were left aside.")
        others = 0
        for line in self.files.results:
            try:
                others += _id_of(object_of(line), "prompt") not in judged
            except Malformed:
                continue  # nothing of this file is stored
        if others:
            self.notes.append(f"{others:,} answers to prompts that nobody judged were left aside.")


def _texts_by_id(lines: Iterable[Line], name: str, found: dict[str, str]) -> Iterator[BadLine]:
    for line in lines:
        try:
            row = object_of(line)
            found[_id_of(row, "id")] = text_of(row, name)
        except Malformed as error:
            yield error.at(line)


def _votes_by_comparison(lines: Iterable[Line], votes: Votes) -> Iterator[BadLine]:
    """Gather the votes of a CSV file. Fields hold no line breaks, so a broken row spoils no other."""
    header: list[str] = []
    count = 0
    for line in lines:
        try:
            cells = _cells_of(line)
            if not header:
                header = _header_of(cells)
                continue
            if len(cells) != len(header):
                raise Malformed("line", f"{len(cells)} columns; the header has {len(header)}")
            row = dict(zip(header, cells, strict=True))
            of_comparison = votes.setdefault(_id_of(row, "id"), [])
            if count >= MAX_VOTES or len(of_comparison) >= MAX_VOTES_OF_COMPARISON:
                raise Malformed(
                    "line", f"more than {MAX_VOTES:,} votes, or {MAX_VOTES_OF_COMPARISON:,} on one comparison"
                )
            of_comparison.append(_vote_of(line, row))
            count += 1
        except Malformed as error:
            yield error.at(line)


def _cells_of(line: Line) -> list[str]:
    try:
        return next(csv.reader([text_of_line(line)], strict=True))
    except (csv.Error, StopIteration) as error:
        raise Malformed("line", f"not a row of a CSV file: {error}") from None


def _header_of(cells: list[str]) -> list[str]:
    missing = [name for name in ("id", "worker", "winner") if name not in cells]
    if missing:
        raise Malformed("line", f"the header lacks {', '.join(missing)}")
    return cells


def _vote_of(line: Line, row: Mapping[str, str]) -> Vote:
    if (winner := row["winner"]) not in WINNERS:
        raise Malformed("winner", f"{winner[:40]!r} is none of {', '.join(WINNERS)}")
    if not row["worker"].strip():
        raise Malformed("worker", "empty")
    outcome, value = WINNERS[winner]
    return Vote(line.file, line.number, label_of(row, "worker", ""), outcome, value, winner, first_on_left=True)


def _comparison_of(
    row: Mapping[str, Any], prompts: Mapping[str, str], models: Mapping[str, str], votes: list[Vote]
) -> JudgedComparison:
    text = text_of(row, "text")
    if prompts.get(_id_of(row, "prompt"), text) != text:
        raise Malformed("text", "differs from the text of its prompt in the prompts file")
    if _id_of(row, "model_x") == _id_of(row, "model_y"):
        raise Malformed("model_y", "the same model as model_x")
    x, y = (
        WrittenResponse(text_of(row, f"result_{side}"), models.get(model, f"model {model}")[:MAX_AUTHOR])
        for side in ("x", "y")
        if (model := _id_of(row, f"model_{side}"))
    )
    slug = label_of(row, "slug", _id_of(row, "prompt"))
    return JudgedComparison(
        checked_prompt([{"role": "user", "content": text}], "text"), x, y, tuple(votes),
        tags_of(row, "slug", "type"), f"llmfao/{slug}"[:MAX_AUTHOR],
    )  # fmt: skip


def _id_of(row: Mapping[str, Any], name: str) -> str:
    if not (value := label_of(row, name, "")):
        raise Malformed(name, "missing")
    return value
