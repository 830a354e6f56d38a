"""What some thousand records mean, hashed once and written as Postgres will copy it.

Needs no database, so one batch may be put together in another thread while the batch before is stored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import partial
from typing import Any, NamedTuple

from annotator.domain.formats.records import (
    AnsweredPrompt,
    BadLine,
    JudgedComparison,
    Record,
    Vote,
    WrittenResponse,
)
from annotator.domain.splits import content_sha256, split_of
from annotator.services import import_rows

Side = int  # a response: its place in the batch
Pair = tuple[Side, Side]

PRESET = "import"
KEYS = bytes.fromhex("6a6a0d8e3c1b5d0e9d431f0f6c1f5b11")


@dataclass
class ImportCounts:
    """What an import did so far. read = imported + known + bad, in judgments, or in answers or prompts without one."""

    imported: int = 0
    known: int = 0
    bad: int = 0
    prompts: int = 0
    responses: int = 0
    comparisons: int = 0
    judgments: int = 0
    rounds: set[int] = field(default_factory=set)

    @property
    def read(self) -> int:
        return self.imported + self.known + self.bad

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> ImportCounts:
        """What `stored` made a JSON object of; nothing so far where there is none."""
        found = {one.name: stored[one.name] for one in fields(cls) if one.name in stored}
        return cls(**{**found, "rounds": set(stored.get("rounds", []))})

    def stored(self) -> dict[str, Any]:
        return {**asdict(self), "rounds": sorted(self.rounds), "read": self.read}

    def add(self, other: ImportCounts) -> None:
        for name in ("imported", "known", "bad", "prompts", "responses", "comparisons", "judgments"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.rounds |= other.rounds


class Entry(NamedTuple):
    """One vote on its way in. The key says what it is about and by whom, so that a second one is known."""

    vote: Vote
    pair: Pair
    key: bytes


class Asked(NamedTuple):
    """A prompt on its way in.

    turn  the last one
    said  its row but for its id and when
    """

    tags: Sequence[str]
    turn: str
    said: bytes


class Written(NamedTuple):
    """A response on its way in, with its row but for the two ids and when. `prompt` is the hash of what it answers."""

    prompt: str
    label: bool | None
    said: bytes


# From a tuple of their fields, without the call of a Python function that `Entry(…)` is.
entry_made: Callable[[tuple[Any, ...]], Entry] = partial(tuple.__new__, Entry)
written_made: Callable[[tuple[Any, ...]], Written] = partial(tuple.__new__, Written)


class Bare(NamedTuple):
    """A response without a judgment, or a prompt without a response."""

    file: str
    line: int
    prompt: str
    side: Side | None = None
    label: bool | None = None


@dataclass
class Batch:
    """What some records mean.

    end         records of the file up to and with this batch
    judgments   its votes, with 1 for each record that has none
    characters  of text that it holds
    prompts     content hash → the prompt of the first record that has it
    responses   what is known by its content: its prompt's hash, its author, its text's hash
    sides       that content → its place among them
    bare        what comes without a judgment
    license     terms of the prompts that name none of their own
    """

    project_id: int
    end: int = 0
    license: str = ""
    judgments: int = 0
    characters: int = 0
    prompts: dict[str, Asked] = field(default_factory=dict)
    responses: list[Written] = field(default_factory=list)
    sides: dict[tuple[str, str, str], Side] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    bare: list[Bare] = field(default_factory=list)
    bad: list[BadLine] = field(default_factory=list)

    def add(self, record: Record) -> None:
        self.end += 1
        if isinstance(record, JudgedComparison):
            self.judgments += len(record.votes)
            self._add_votes(record)
            return
        self.judgments += 1
        if isinstance(record, BadLine):
            self.bad.append(record)
            return
        prompt = self._asked(record)
        self.bare += [
            Bare(record.file, record.line, prompt, self._written(prompt, response)[0], response.label)
            for response in record.responses
        ] or [Bare(record.file, record.line, prompt)]

    def _add_votes(self, record: JudgedComparison) -> None:
        prompt = self._asked(record)
        one, other = record.first, record.second
        first, first_sha256 = self._written(prompt, one)
        second, second_sha256 = self._written(prompt, other)
        pair = first, second
        about = (
            f"{self.project_id}\x00{prompt}\x00{one.author}\x00{first_sha256}\x00{other.author}\x00{second_sha256}\x00"
        )
        for vote in record.votes:
            key = hashlib.sha256(KEYS + (about + vote.rater).encode()).digest()[:16]
            self.entries.append(entry_made((vote, pair, key)))

    def _asked(self, record: JudgedComparison | AnsweredPrompt) -> str:
        """The hash of its prompt, which the batch then has."""
        sha256 = content_sha256(record.messages)
        if sha256 not in self.prompts:
            self.characters += sum([len(message["content"]) for message in record.messages])
            said = import_rows.prompt_said(
                self.project_id, record.messages, sha256, split_of(sha256), record.tags, record.source,
                record.license or self.license,
            )  # fmt: skip
            self.prompts[sha256] = Asked(record.tags, record.messages[-1]["content"], said)
        return sha256

    def _written(self, prompt: str, response: WrittenResponse) -> tuple[Side, str]:
        """The place of a response, which the batch then has, and the hash of its text."""
        text, author, label = response
        data = text.encode()
        sha256 = hashlib.sha256(data).hexdigest()
        content = (prompt, author, sha256)
        if (side := self.sides.get(content)) is None:
            side = self.sides[content] = len(self.responses)
            self.characters += len(text)
            said = import_rows.response_said(data, sha256, author, label)
            self.responses.append(written_made((prompt, label, said)))
        return side, sha256
