"""Which votes teach a reward model fastest? python -m bench.sampling_rewards [--seeds 20] [--sets arguments hh]

Real votes on real answers are asked for in batches, as a queue would have it: a rule says which pairs are next, and one
of the real votes on each, drawn by chance, is the answer until the pair has none left. After each batch a reward model
is trained on all votes so far, and its accuracy is measured on the majority of held-out pairs: each seed holds out
another quarter of the prompts (of the arguments, where there are hardly any prompts). Rules:

    random        every pair that has votes left is equally likely
    undecided     the pairs whose probability under the model is closest to one half
    disagreement  the pairs about which eight heads differ most, each trained on its own draw of the pairs
    half          every other vote by disagreement, the rest by chance

Scores are annotator/domain/disagreement.py, as in the queue. The reward model is *light*: Bradley and Terry's law on
the difference of text features (length, punctuation, signs of 64 hashed words), with a ridge, by Newton's method.
Training the engine's own model anew after each batch would take hours. The first batch of a seed is by chance.

A figure is how many votes a rule needed for the accuracy that random reached after N votes, over N: from curves that
are means over seeds, smoothed over three batches, made monotone and interpolated. Intervals are the middle 95 % of
1,000 resamples of the seeds, the same ones for all rules. What never got there counts as the whole budget, and is
marked ≥. Behind it stands how much more accurate the rule is than random after the same N votes: where random's
curve is flat, the ratio says little and this says more. Prints a Markdown table, and as its last line one JSON object.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import re
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import product, repeat
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotator.domain.disagreement import disagreement
from tests.real_data import FOLDER

RULES = ("random", "undecided", "disagreement", "half")
MARKS = (100, 200, 500, 1000)  # votes of random choice
BATCH, BUDGET = 50, 2000  # votes
HEADS = 8
WORDS = 64  # hashed
RIDGE = 30.0
STEPS = 4  # of Newton's method, from the weights before
RESAMPLES = 1000

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Pair:
    """Two answers and what people said: 1 for the first, 0 for the second, ½ for neither.

    units  what is held out as a whole; a pair of which only a part is, is left out
    """

    units: tuple[str, ...]
    first: str
    second: str
    votes: list[float]


# --- the votes -----------------------------------------------------------------


def arguments(folder: Path) -> Iterator[Pair]:
    """Which argument convinces more, on ten debates and both sides of each."""
    place = folder / "03a_ukpconvarg_pairwise_votes"
    text = {(row["debate_file"], row["id"]): row["text"] for row in _lines(place / "arguments.jsonl.gz")}
    value = {"a1": 1.0, "a2": 0.0, "equal": 0.5}
    for row in _lines(place / "pairs.jsonl.gz"):
        sides = [(row["debate_file"], row[side]) for side in ("arg1", "arg2")]
        votes = [value[vote["value"]] for vote in row["mTurkAssignments"]]
        first, second = (text[side] for side in sides)
        yield Pair((row["arg1"], row["arg2"]), first, second, votes)


def crowd(folder: Path) -> Iterator[Pair]:
    """Answers of 59 language models to nine prompts."""
    place = folder / "02e_llmfao_llm_crowd_votes"
    votes: dict[str, list[float]] = defaultdict(list)
    with gzip.open(place / "crowd-comparisons.dev_prompts.csv.gz", "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            votes[row["id"]].append({"left": 1.0, "right": 0.0, "tie": 0.5}[row["winner"]])
    for row in _lines(place / "pairs-crowd.jsonl.gz"):
        if said := votes.get(str(row["id"])):
            yield Pair((str(row["prompt"]),), row["result_x"], row["result_y"], said)


def hh(folder: Path) -> Iterator[Pair]:
    """Mostly human choices between two answers, one vote a pair."""
    for row in _lines(folder / "01_preference_pairs" / "all_pairs.dev.jsonl.gz"):
        (prompt, _, chosen), (_, _, rejected) = (
            row[side].rpartition("\n\nAssistant:") for side in ("chosen", "rejected")
        )
        is_first = zlib.crc32(row["chosen"].encode()) % 2 == 0
        sides = (chosen, rejected) if is_first else (rejected, chosen)
        yield Pair((prompt,), *sides, [float(is_first)])


def planted(folder: Path) -> Iterator[Pair]:
    """The same answers, judged by coins that follow a made-up taste for features which the model can learn."""
    pairs = list(hh(folder))
    x_PF = differences(pairs)
    rng = np.random.default_rng(0)
    lead_P = x_PF @ rng.normal(size=x_PF.shape[1])
    first_P = rng.random(len(pairs)) < np.exp(-np.logaddexp(0, -2 * lead_P / lead_P.std()))
    for pair, is_first in zip(pairs, first_P, strict=True):
        yield replace(pair, votes=[float(is_first)])


SETS: dict[str, Callable[[Path], Iterable[Pair]]] = {
    "arguments": arguments,
    "crowd": crowd,
    "hh": hh,
    "planted": planted,
}


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


# --- the reward model --------------------------------------------------------------


def features(text: str) -> Numbers:
    """What the light reward model reads of an answer."""
    words = re.findall(r"[a-z']+|[^\sa-z]", text.lower())
    hashed_W = np.zeros(WORDS)
    for word in words:
        number = zlib.crc32(word.encode())
        hashed_W[number % WORDS] += 1 if number >> 31 else -1
    n, w = len(text), len(words) + 1
    style = [
        np.log1p(n), np.log1p(n) ** 2 / 6, np.log1p(text.count("\n")), sum(map(len, words)) / w, len(set(words)) / w,
        text.count(",") / w, text.count("!") / w, sum(letter.isupper() for letter in text) / (n + 1),
        sum(letter.isdigit() for letter in text) / (n + 1), text.rstrip()[-1:] in tuple(".!?"),
    ]  # fmt: skip
    return np.concatenate([np.sign(hashed_W) * np.sqrt(np.abs(hashed_W) / w), np.array(style, np.float64)])


def differences(pairs: list[Pair]) -> Numbers:
    """First minus second, each feature by its spread, (P, F)."""
    x_PF = np.array([features(pair.first) - features(pair.second) for pair in pairs])
    return np.asarray(x_PF / (x_PF.std(0) + 1e-9), np.float64)


def trained(x_NF: Numbers, share_N: Numbers, weight_N: Numbers, before_F: Numbers) -> Numbers:
    """The weights that explain the shares of votes best, under a ridge; from those before."""
    weights_F = before_F
    ridge_FF = RIDGE * np.eye(x_NF.shape[1])
    for _step in range(STEPS):
        p_N = np.exp(-np.logaddexp(0, -x_NF @ weights_F))
        gradient_F = x_NF.T @ (weight_N * (share_N - p_N)) - RIDGE * weights_F
        curvature_FF = (x_NF.T * (weight_N * p_N * (1 - p_N))) @ x_NF + ridge_FF
        weights_F = weights_F + np.linalg.solve(curvature_FF, gradient_F)
    return weights_F


@lru_cache
def read(name: str) -> tuple[list[Pair], Numbers]:
    """The pairs of a set, and what the model reads of them."""
    pairs = list(SETS[name](FOLDER))
    return pairs, differences(pairs)


def split(pairs: list[Pair], seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs that may be asked about, and held-out ones that have a majority."""
    parts = [[zlib.crc32(f"{seed} {unit}".encode()) % 4 == 0 for unit in pair.units] for pair in pairs]
    learnt = [at for at, part in enumerate(parts) if not any(part)]
    held = [at for at, part in enumerate(parts) if all(part) and np.mean(pairs[at].votes) != 0.5]
    return np.array(learnt), np.array(held)


# --- one course ------------------------------------------------------------------


def course(name: str, rule: str, seed: int) -> list[float]:
    """The accuracy on held-out pairs after each batch."""
    (pairs, x_PF), rng = read(name), np.random.default_rng(seed)
    learnt, held = split(pairs, seed)
    x_NF, prefer_H = x_PF[learnt], np.array([np.mean(pairs[at].votes) > 0.5 for at in held])
    left = [list(rng.permutation(pairs[at].votes)) for at in learnt]
    count_N, sum_N = np.zeros(len(left)), np.zeros(len(left))
    # The same pair has the same draw whenever it is trained on, as in the engine; the model itself sees each once.
    draw_EN = np.vstack([np.ones(len(left)), np.random.default_rng([seed, 1]).poisson(1.0, (HEADS, len(left)))])
    weights_EF = np.zeros((1 + HEADS, x_PF.shape[1]))
    trains = 1 + HEADS if rule in ("disagreement", "half") else 1
    found = []
    for batch in range(min(BUDGET, sum(map(len, left))) // BATCH):
        free = np.flatnonzero([bool(votes) for votes in left])
        for place in free[chosen(rule if batch else "random", x_NF[free], weights_EF, rng)]:
            count_N[place] += 1
            sum_N[place] += left[place].pop()
        asked = np.flatnonzero(count_N)
        for head in range(trains):
            weight_A = draw_EN[head, asked] * count_N[asked]
            share_A = sum_N[asked] / count_N[asked]
            weights_EF[head] = trained(x_NF[asked], share_A, weight_A, weights_EF[head])
        found.append(float(((x_PF[held] @ weights_EF[0] > 0) == prefer_H).mean()))
    return found


def chosen(rule: str, open_NF: Numbers, weights_EF: Numbers, rng: np.random.Generator) -> NDArray[np.int64]:
    """A batch of different pairs; the first weights are the model's own, the others its heads'."""
    shuffled = rng.permutation(len(open_NF))
    if rule == "random":
        return shuffled[:BATCH]
    members_EF = weights_EF[:1] if rule == "undecided" else weights_EF[1:]
    score_N = disagreement(open_NF @ members_EF.T)
    best = shuffled[np.argsort(-score_N[shuffled], kind="stable")]
    if rule != "half":
        return best[:BATCH]
    top = best[: BATCH // 2]
    rest = shuffled[~np.isin(shuffled, top)]
    return np.concatenate([top, rest[: BATCH - len(top)]])


# --- the summary -----------------------------------------------------------------


def curves_of(accuracy_ST: Numbers) -> Numbers:
    """Mean accuracy after each batch over the seeds, then over resampled seeds: (D, T), smooth and monotone."""
    seeds = len(accuracy_ST)
    drawn_DS = np.random.default_rng(0).multinomial(seeds, np.full(seeds, 1 / seeds), RESAMPLES)
    mean_DT = np.vstack([np.ones(seeds), drawn_DS]) @ accuracy_ST / seeds
    padded_DT = np.concatenate([mean_DT[:, :1], mean_DT, mean_DT[:, -1:]], axis=1)
    smooth_DT = (padded_DT[:, :-2] + padded_DT[:, 1:-1] + padded_DT[:, 2:]) / 3
    return np.asarray(np.maximum.accumulate(smooth_DT, axis=1), np.float64)


def ratio(ours_T: Numbers, random_T: Numbers, mark: int) -> tuple[float, bool]:
    """Votes needed for what random reached after `mark`, over `mark`; whether they were enough."""
    asked_T = BATCH * np.arange(1, len(ours_T) + 1)
    wanted = float(np.interp(mark, asked_T, random_T))
    if ours_T[-1] < wanted:
        return float(asked_T[-1]) / mark, False
    place = int(np.argmax(ours_T >= wanted))
    if place == 0:
        return float(asked_T[0]) / mark, True
    low, high = ours_T[place - 1], ours_T[place]
    return float(asked_T[place - 1] + BATCH * (wanted - low) / (high - low)) / mark, True


def told(values: Sequence[float] | Numbers, how: str) -> str:
    """The first value, and the middle 95 % of the others."""
    low, high = np.quantile(values[1:], [0.025, 0.975])
    return f"{values[0]:{how}} [{low:{how}}, {high:{how}}]"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.sampling_rewards", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    summary: dict[str, float | int] = {"seeds": arguments.seeds}
    print("| votes | as random after | its accuracy | " + " | ".join(f"{rule} / random" for rule in RULES[1:]) + " |")
    print("|---|---|---|" + "---|" * len(RULES[1:]))
    began = time.monotonic()
    with ProcessPoolExecutor(arguments.workers) as pool:
        for name in arguments.sets:
            pairs, _features = read(name)
            jobs = list(product(RULES, range(arguments.seeds)))
            courses = list(pool.map(partial(course, name), *zip(*jobs, strict=True)))
            batches = min(map(len, courses))  # a seed that holds out large prompts may have fewer votes to ask for
            accuracy_JT = np.array([found[:batches] for found in courses])
            curves = dict(zip(RULES, map(curves_of, np.split(accuracy_JT, len(RULES))), strict=True))
            title = f"{name}, {sum(len(pair.votes) for pair in pairs):,} votes on {len(pairs):,} pairs"
            for mark in (mark for mark in MARKS if mark <= BATCH * batches):
                cells = []
                for rule in RULES[1:]:
                    found = list(map(ratio, curves[rule], curves["random"], repeat(mark)))
                    is_enough = "" if found[0][1] else "≥ "
                    ratios = [value for value, _is_enough in found]
                    gains = (curves[rule] - curves["random"])[:, mark // BATCH - 1]
                    summary[f"{name}_{mark}_{rule}"] = round(ratios[0], 3)
                    summary[f"{name}_{mark}_{rule}_gain"] = round(float(gains[0]), 4)
                    cells.append(f"{is_enough}{told(ratios, '.2f')}; {told(gains, '+.3f')}")
                accuracy = curves["random"][0][mark // BATCH - 1]
                print(f"| {title} | {mark:,} | {accuracy:.3f} | {' | '.join(cells)} |", flush=True)
    summary["seconds"] = round(time.monotonic() - began)
    print(json.dumps(summary))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
