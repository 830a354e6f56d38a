"""Tokenised rows on disk: memory stays the same however large the snapshot is.

Token ids lie one behind the other in one file; a table of fixed-size records
says where each row begins. Both are mapped, not read. Comparisons that follow
each other in the snapshot and have the same prompt store it once and form a group.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from training.config import PreferenceSettings
from training.contract import COMPARISONS, DemonstrationRecord, PreferenceRecord, rows_read, snapshot_verify
from training.errors import SnapshotInvalid
from training.metrics import effective_n
from training.targets import target_of
from training.tokens import LeftOut, PairIds, Speech, Tokens, demonstrations_encoded, preferences_encoded

Ids = npt.NDArray[np.int32]
CHUNK = 256  # rows tokenised at once: enough for the tokenizer's threads, few enough to hold
OVERALL = "overall"
UNDECIDED = "its judgments leave nothing to learn with these settings"


@dataclass(frozen=True)
class PairTokens:
    """One comparison in tokens; both completions follow the same prompt.

    group       rows with equal numbers have the same prompt
    targets_C4  prefer_first, weight, tie_share, strength for the overall question and each criterion; a weight
                of 0 means that it was not judged
    """

    group: int
    prompt_ids: Ids
    first_ids: Ids
    second_ids: Ids
    targets_C4: npt.NDArray[np.float64]

    @property
    def prefer_first(self) -> float:
        return float(self.targets_C4[0, 0])

    @property
    def weight(self) -> float:
        return float(self.targets_C4[0, 1])


@dataclass(frozen=True)
class PairRows(Sequence[PairTokens]):
    """The comparisons of a snapshot in tokens; row numbers in `train` and `holdout`.

    criteria  names of the questions, the overall one first
    notes     what was left out and why
    """

    tokens: Ids
    table: npt.NDArray[Any]
    criteria: list[str]
    notes: list[str]

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, row: Any) -> Any:
        where = self.table[row]
        prompt, first, second = (
            self.tokens[where[f"{part}_at"] : where[f"{part}_at"] + where[f"{part}_n"]]
            for part in ("prompt", "first", "second")
        )
        return PairTokens(int(where["group"]), prompt, first, second, where["targets"])

    @property
    def train(self) -> npt.NDArray[np.int64]:
        return np.flatnonzero(self.table["is_train"])

    @property
    def holdout(self) -> npt.NDArray[np.int64]:
        return np.flatnonzero(~self.table["is_train"])

    def lengths(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Tokens of each of these rows, the prompt counted once."""
        table = self.table[rows]
        return np.asarray(table["prompt_n"] + table["first_n"] + table["second_n"], np.int64)

    def cost_of(self, row: int) -> int:
        """Tokens of one row."""
        where = self.table[row]
        return int(where["prompt_n"] + where["first_n"] + where["second_n"])

    def effective_n(self, rows: npt.NDArray[np.int64]) -> float:
        """How many equally weighted rows would tell as much as these with their weights, on the overall question."""
        return effective_n(torch.from_numpy(self.table["targets"][rows, 0, 1]))

    def longest(self, count: int) -> list[PairTokens]:
        """The rows with most tokens."""
        order = np.argsort(-self.lengths(np.arange(len(self))), kind="stable")
        return [self[int(row)] for row in order[:count]]

    @property
    def longest_sequence(self) -> int:
        """Tokens of the longest prompt with one answer."""
        return int((self.table["prompt_n"] + np.maximum(self.table["first_n"], self.table["second_n"])).max())


@dataclass(frozen=True)
class MismatchedRows(Sequence[PairTokens]):
    """Each prompt with the completions of the row after it: what KTO estimates its KL divergence on."""

    rows: PairRows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, row: Any) -> Any:
        own, next_one = self.rows[row], self.rows[(row + 1) % len(self.rows)]
        return replace(next_one, group=row, prompt_ids=own.prompt_ids)


def pair_kind(questions: int) -> np.dtype[Any]:
    """A record of the table: where prompt and completions begin, their lengths, and the targets."""
    return np.dtype(
        [
            ("group", "i8"), ("prompt_at", "i8"), ("first_at", "i8"), ("second_at", "i8"),
            ("prompt_n", "i4"), ("first_n", "i4"), ("second_n", "i4"), ("is_train", "?"),
            ("targets", "f8", (questions, 4)),
        ]
    )  # fmt: skip


def preference_rows(
    snapshot_dir: Path,
    folder: Path,
    speech: Speech,
    settings: PreferenceSettings,
    *,
    max_length: int,
    earlier_rounds: bool = True,
    criteria: bool = False,
    splits: Sequence[str] = ("train", "holdout"),
) -> PairRows:
    """The comparisons of a snapshot, tokenised into `folder` in one pass of constant memory.

    Training rows of earlier rounds stay out if so wished; held-out rows of all rounds stay in: nobody trains on
    them, and more of them narrow the intervals. Raises SnapshotInvalid naming a damaged file, or line and field.
    """
    manifest = snapshot_verify(snapshot_dir)
    names = [OVERALL, *(manifest.criteria if criteria else ())]
    kind = pair_kind(len(names))
    left_out = LeftOut("comparison")

    def encoded() -> Iterator[PairIds]:
        records = rows_read(snapshot_dir / COMPARISONS, PreferenceRecord)
        for line, chunk in _chunks(records):
            _criteria_check(chunk, manifest.criteria, line)
            wanted = {
                number: record
                for number, record in enumerate(chunk, start=line)
                if record.split in splits
                and (earlier_rounds or record.round >= manifest.round or record.split == "holdout")
            }
            yield from preferences_encoded(
                speech, list(wanted.values()), max_length=max_length, left_out=left_out, lines=list(wanted)
            )

    def write(tokens: BinaryIO, table: BinaryIO) -> None:
        at, group, prompt, prompt_at = 0, -1, None, 0
        for pair in encoded():
            targets_C4 = _targets_of(pair.record, names, settings)
            if not targets_C4[:, 1].any():
                left_out.counts[UNDECIDED] += 1
                continue
            if pair.prompt_ids != prompt:
                group, prompt, prompt_at = group + 1, pair.prompt_ids, at
                at += _append(tokens, pair.prompt_ids)
            first_at = at
            second_at = first_at + _append(tokens, pair.first_ids)
            at = second_at + _append(tokens, pair.second_ids)
            is_train = pair.record.split == "train"
            sizes = (len(pair.prompt_ids), len(pair.first_ids), len(pair.second_ids))
            row = (group, prompt_at, first_at, second_at, *sizes, is_train, targets_C4)
            table.write(np.array([row], kind).tobytes())

    tokens, table = _on_disk(folder, kind, write)
    return PairRows(tokens, table, names, left_out.sentences())


def _targets_of(
    record: PreferenceRecord, names: Sequence[str], settings: PreferenceSettings
) -> npt.NDArray[np.float64]:
    targets_C4 = np.zeros((len(names), 4))
    targets_C4[:, 0] = 0.5
    for number, name in enumerate(names):
        votes = record if name == OVERALL else record.criteria.get(name)
        if votes is not None and (target := target_of(votes, settings)) is not None:
            targets_C4[number] = (target.prefer_first, target.weight, target.tie_share, target.strength)
    return targets_C4


def _criteria_check(records: Sequence[PreferenceRecord], known: Sequence[str], line: int) -> None:
    """A criterion that the manifest does not list would be left out without a word."""
    for number, record in enumerate(records, start=line):
        if unknown := sorted(record.criteria.keys() - set(known)):
            raise SnapshotInvalid(
                f"{COMPARISONS}, line {number}: criteria: {unknown[0]} is not listed in the manifest."
            )


# --- conversations -----------------------------------------------------------


@dataclass(frozen=True)
class ConversationRows(Sequence[Tokens]):
    """Demonstrations in tokens. `counts` says how many tokens of each row count in the loss."""

    tokens: Ids
    table: npt.NDArray[Any]
    notes: list[str]

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, row: Any) -> Any:
        where = self.table[row]
        written = self.tokens[where["at"] : where["at"] + where["n"]]
        # A token that counts is stored as its complement, which is negative: one file holds both.
        return Tokens(np.where(written < 0, ~written, written).tolist(), (written < 0).tolist())

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        return self.table["n"].astype(np.int64)

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        return self.table["counted"].astype(np.int64)


def conversation_rows(
    path: Path, folder: Path, speech: Speech, *, max_length: int, is_wanted: Callable[[DemonstrationRecord], bool]
) -> ConversationRows:
    """The demonstrations in `path` that are wanted, tokenised into `folder` in constant memory."""
    kind = np.dtype([("at", "i8"), ("n", "i4"), ("counted", "i4")])
    left_out = LeftOut("conversation")

    def write(tokens: BinaryIO, table: BinaryIO) -> None:
        at = 0
        for _, chunk in _chunks(row for row in rows_read(path, DemonstrationRecord) if is_wanted(row)):
            for row in demonstrations_encoded(speech, chunk, max_length=max_length, left_out=left_out):
                ids = np.array(row.ids, np.int32)
                size = _append(tokens, np.where(row.counted, ~ids, ids))
                table.write(np.array([(at, size, sum(row.counted))], kind).tobytes())
                at += size

    tokens, table = _on_disk(folder, kind, write)
    return ConversationRows(tokens, table, left_out.sentences())


# --- files -------------------------------------------------------------------

Item = TypeVar("Item")


def _chunks(items: Iterable[Item]) -> Iterator[tuple[int, list[Item]]]:
    """(number of the first item, from 1; items)."""
    source, line = iter(items), 1
    while chunk := list(itertools.islice(source, CHUNK)):
        yield line, chunk
        line += len(chunk)


def _append(file: BinaryIO, ids: Sequence[int] | Ids) -> int:
    file.write(np.asarray(ids, np.int32).tobytes())
    return len(ids)


def _on_disk(
    folder: Path, kind: np.dtype[Any], write: Callable[[BinaryIO, BinaryIO], None]
) -> tuple[Ids, npt.NDArray[Any]]:
    """Let `write` fill the two files, and map them. Tokenised anew at every start: an old folder may be half."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with (folder / "tokens.bin").open("wb") as tokens, (folder / "table.bin").open("wb") as table:
        write(tokens, table)
    return _mapped(folder / "tokens.bin", np.dtype(np.int32)), _mapped(folder / "table.bin", kind)


def _mapped(path: Path, kind: np.dtype[Any]) -> npt.NDArray[Any]:
    if path.stat().st_size == 0:
        return np.zeros(0, kind)
    return np.memmap(path, dtype=kind, mode="r")
