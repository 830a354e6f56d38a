"""Sets of real judgments, read as comparisons. Where they lie is in tests/real_data.py."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.contract import Completion, Message, PreferenceRecord

PAIRS, CROWD, ARGUMENTS = "01_preference_pairs", "02e_llmfao_llm_crowd_votes", "03a_ukpconvarg_pairwise_votes"


@dataclass(frozen=True)
class Judged:
    """A comparison that people judged. `group` is never divided between training and holdout."""

    record: PreferenceRecord
    group: str
    source: str


def pairs(folder: Path) -> list[Judged]:
    """One decided judgment per pair; which answer stands first is drawn by its text."""
    found = []
    for number, row in enumerate(_lines(folder / "all_pairs.dev.jsonl.gz")):
        (prompt, chosen), (other, rejected) = (_transcript(row[side]) for side in ("chosen", "rejected"))
        if prompt == other and prompt[-1].role == "user" and chosen.strip() and rejected.strip():
            is_first = hashlib.sha256(f"{chosen}\0{rejected}".encode()).digest()[0] % 2 == 0
            sides = (chosen, rejected) if is_first else (rejected, chosen)
            found.append(_judged(f"{number}", prompt, sides, [float(is_first)], source=row["source"].split(":")[0]))
    return found


def crowd(folder: Path) -> list[Judged]:
    """Up to five votes per pair, ties among them; pairs with an empty answer are left out."""
    votes = defaultdict(list)
    with gzip.open(folder / "crowd-comparisons.dev_prompts.csv.gz", "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            votes[int(row["id"])].append({"left": 1.0, "tie": 0.5, "right": 0.0}[row["winner"]])
    return [
        _judged(f"{row['id']}", [Message(role="user", content=row["text"])], sides, votes[row["id"]], source="crowd")
        for row in _lines(folder / "pairs-crowd.jsonl.gz")
        for sides in [(row["result_x"], row["result_y"])]
        if all(side.strip() for side in sides)
    ]


def arguments(folder: Path) -> list[Judged]:
    """Five votes per pair of arguments for one side of a debate; both sides of a debate are one group."""
    text = {(row["debate_file"], row["id"]): row["text"] for row in _lines(folder / "arguments.jsonl.gz")}
    stance = {row["debate_file"]: row["stance"] for row in _lines(folder / "arguments.jsonl.gz")}
    found = []
    for row in _lines(folder / "pairs.jsonl.gz"):
        debate = row["debate_file"]
        prompt = [Message(role="user", content=f"{row['debate']} {stance[debate]}")]
        sides = (text[debate, row["arg1"]], text[debate, row["arg2"]])
        votes = [{"a1": 1.0, "equal": 0.5, "a2": 0.0}[vote["value"]] for vote in row["mTurkAssignments"]]
        found.append(_judged(f"{debate}/{row['id']}", prompt, sides, votes, source="arguments", group=row["debate"]))
    return found


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def _transcript(text: str) -> tuple[list[Message], str]:
    """(conversation, last answer) of a transcript with Human: and Assistant: turns."""
    pieces = re.split(r"\n\n(Human|Assistant): ?", text)[1:]
    turns = [
        Message(role="user" if who == "Human" else "assistant", content=said.strip())
        for who, said in zip(pieces[::2], pieces[1::2], strict=True)
    ]
    return turns[:-1], turns[-1].content


def _judged(
    name: str,
    prompt: list[Message],
    sides: tuple[str, str],
    votes: Sequence[float],
    *,
    source: str,
    group: str | None = None,
) -> Judged:
    prompt_id = hashlib.sha256("\0".join(f"{turn.role}: {turn.content}" for turn in prompt).encode()).hexdigest()[:16]
    record = PreferenceRecord(
        comparison_id=name,
        prompt_id=prompt_id,
        prompt=prompt,
        first=Completion(response_id=f"{name}/1", text=sides[0]),
        second=Completion(response_id=f"{name}/2", text=sides[1]),
        prefer_first=sum(votes) / len(votes),
        weight=float(len(votes)),
        tie_share=votes.count(0.5) / len(votes),
        split="train",
    )
    return Judged(record, group or prompt_id, source)
