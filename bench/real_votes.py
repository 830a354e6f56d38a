"""Sets of real votes, vote by vote: who said what about which pair. Where they lie is in tests/real_data.py."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from annotator.domain.aggregation.arrays import Flags, Ints, Judgments

CROWD, ARGUMENTS, ENTAILMENT = "02e_llmfao_llm_crowd_votes", "03a_ukpconvarg_pairwise_votes", "03b_snow_rte_temp"


@dataclass(frozen=True)
class Votes:
    """The judgments of a set, and the truth that was published with it.

    truth_C  1 = first is better, -1 = second, 0 = no difference
    known_C  where there is a truth
    """

    judgments: Judgments
    truth_C: Ints
    known_C: Flags


def crowd(folder: Path) -> Votes:
    """Answers of 59 language models, up to five votes a pair, many ties. No truth was published."""
    with gzip.open(folder / "crowd-comparisons.dev_prompts.csv.gz", "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    pairs = {str(row["id"]): row for row in _lines(folder / "pairs-crowd.jsonl.gz")}
    longer = {name: len(row["result_x"]) - len(row["result_y"]) for name, row in pairs.items()}
    said = [(row["id"], row["worker"], {"left": -1, "tie": 0, "right": 1}[row["winner"]]) for row in rows]
    return _votes(said, longer, {})


def arguments(folder: Path) -> Votes:
    """Which argument convinces more, five votes a pair; the published truth is a cleaned estimate from these votes."""
    length = {(row["debate_file"], row["id"]): len(row["text"]) for row in _lines(folder / "arguments.jsonl.gz")}
    said, longer, truth = [], {}, {}
    for row in _lines(folder / "pairs.jsonl.gz"):
        name = f"{row['debate_file']}/{row['id']}"
        longer[name] = length[row["debate_file"], row["arg1"]] - length[row["debate_file"], row["arg2"]]
        if row["goldLabel"] is not None:
            truth[name] = {"a1": 1, "equal": 0, "a2": -1}[row["goldLabel"]]
        for vote in row["mTurkAssignments"]:
            said.append((name, vote["worker"], {"a1": -1, "equal": 0, "a2": 1}[vote["value"]]))
    return _votes(said, longer, truth)


def entailment(folder: Path) -> Votes:
    """Whether a text entails a sentence, ten votes each, and what experts say: not pairs, but the truth is known.

    Yes stands for first. Nothing corresponds to a length.
    """
    truth = {row["orig_id"]: 2 * int(row["gold"]) - 1 for row in _lines(folder / "rte.items_gold.jsonl.gz")}
    rows = _lines(folder / "rte.labels.jsonl.gz")
    said = [(row["orig_id"], row["!amt_worker_ids"], 1 - 2 * int(row["response"])) for row in rows]
    return _votes(said, dict.fromkeys(truth, 0), truth)


def _votes(said: list[tuple[str, str, int]], longer: dict[str, int], truth: dict[str, int]) -> Votes:
    """First always stood left, as far as these sets tell."""
    comparison = {name: at for at, name in enumerate(dict.fromkeys(name for name, _rater, _value in said))}
    rater = {name: at for at, name in enumerate(dict.fromkeys(name for _comparison, name, _value in said))}
    judgments = Judgments.of(
        [comparison[name] for name, _rater, _value in said],
        [rater[name] for _comparison, name, _value in said],
        [value for _comparison, _rater, value in said],
        [True] * len(said),
        [longer[name] for name, _rater, _value in said],
    )
    return Votes(
        judgments,
        np.array([truth.get(name, 0) for name in comparison]),
        np.array([name in truth for name in comparison]),
    )


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)
