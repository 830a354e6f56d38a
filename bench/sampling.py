"""In which order should pairs be judged? python -m bench.sampling [--seeds 20] [--sets turkish crowd] [--workers 2]

Real votes are asked for one batch after the other, as a queue would have it: a rule says which pair of systems is
next, and one of the real votes on that pair, drawn by chance, is the answer until the pair has none left. After each
batch all systems are rated (Bradley–Terry, ties as half a win, a normal prior so that everybody has a strength), and
the order is held against the order of all votes. Rules:

    random       any vote that is left: what happens without a rule
    fewest       the pair with the fewest votes so far; chance among equals
    information  the largest expected information about all strengths (D-optimality)
    order        the largest expected information about who is above whom

The last two are annotator/domain/ranking/information.py. A figure is how many votes a rule needed until Spearman's
correlation with the order of all votes reached a mark and stayed there for 100 more votes, over what `random` needed
under the same seed, as a geometric mean with Student's interval. The order of all votes holds the votes
that were asked for as well, so every rule ends at 1. Prints a Markdown table, and as its last line one JSON object.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path

import numpy as np

from annotator.domain.ranking.bradley_terry import fit
from annotator.domain.ranking.information import belief, information_gain, order_gain
from annotator.domain.ranking.spread import student_975
from annotator.domain.ranking.votes import Numbers, Places, Votes
from tests.real_data import FOLDER

RULES = ("random", "fewest", "information", "order")
MARKS = (0.8, 0.9, 0.95)
BATCH = 10  # votes
GAINS = {"information": information_gain, "order": order_gain}
STAYS = 10  # batches in a row
OUTCOMES = {"first": 0, "second": 1, "tie": 2}

Ballots = dict[tuple[int, int], list[int]]  # pair of systems, the smaller number first → outcomes


# --- the votes -----------------------------------------------------------------


def turkish(folder: Path) -> Iterable[tuple[str, str, str]]:
    return _translations(folder, "tur-eng")


def romanian(folder: Path) -> Iterable[tuple[str, str, str]]:
    return _translations(folder, "ron-eng")


def crowd(folder: Path) -> Iterable[tuple[str, str, str]]:
    path = folder / "02e_llmfao_llm_crowd_votes" / "crowd-comparisons.dev_prompts.csv.gz"
    winner = {"left": "first", "right": "second", "tie": "tie"}
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from ((row["left"], row["right"], winner[row["winner"]]) for row in csv.DictReader(file))


def experts(folder: Path) -> Iterable[tuple[str, str, str]]:
    winner = {"model_a": "first", "model_b": "second", "tie": "tie"}
    with gzip.open(folder / "02f_mtbench_human_votes" / "human_votes.jsonl.gz", "rt", encoding="utf-8") as file:
        yield from ((row["model_a"], row["model_b"], winner[row["winner"]]) for row in map(json.loads, file))


SETS: dict[str, Callable[[Path], Iterable[tuple[str, str, str]]]] = {
    "turkish": turkish,
    "romanian": romanian,
    "crowd": crowd,
    "experts": experts,
}


def _translations(folder: Path, pair: str) -> Iterable[tuple[str, str, str]]:
    path = folder / "02b_wmt16_human_ranking" / f"wmt16.{pair}.csv.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            ahead = int(row["system2rank"]) - int(row["system1rank"])
            yield row["system1Id"], row["system2Id"], "tie" if ahead == 0 else "first" if ahead > 0 else "second"


def ballots_of(rows: Iterable[tuple[str, str, str]]) -> tuple[int, Ballots]:
    """How many systems there are, and the votes on each pair."""
    cast = list(rows)
    names = sorted({name for first, second, _won in cast for name in (first, second)})
    found: Ballots = defaultdict(list)
    for first, second, won in cast:
        i, j, outcome = names.index(first), names.index(second), OUTCOMES[won]
        if i > j:
            i, j, outcome = j, i, (1, 0, 2)[outcome]
        found[i, j].append(outcome)
    return len(names), dict(sorted(found.items()))


# --- one course ------------------------------------------------------------------


def course(systems: int, ballots: Ballots, rule: str, seed: int) -> list[tuple[int, float]]:
    """(votes asked for, Spearman's correlation with the order of all votes) after each batch, to the last mark."""
    rng = np.random.default_rng(seed)
    pair_N2 = np.array(list(ballots))
    left = [list(rng.permutation(votes)) for votes in ballots.values()]
    total = sum(map(len, left))
    held = 0
    counts_N3 = np.zeros((len(left), 3))
    full_N3 = np.array([[votes.count(outcome) for outcome in range(3)] for votes in ballots.values()], np.float64)
    truth = fit(votes_of(systems, pair_N2, full_N3), prior_sd=10.0).strength_Q
    found = []
    known = belief(votes_of(systems, pair_N2, counts_N3))
    for asked in range(BATCH, total + 1, BATCH):
        for place in chosen(rule, known, pair_N2, counts_N3, [len(votes) for votes in left], rng):
            counts_N3[place, left[place].pop()] += 1
        known = belief(votes_of(systems, pair_N2, counts_N3))
        found.append((asked, spearman(known[0], truth)))
        held = held + 1 if found[-1][1] >= MARKS[-1] else 0
        if held == STAYS:
            break
    return found


def chosen(
    rule: str,
    known: tuple[Numbers, Numbers],
    pair_N2: Places,
    counts_N3: Numbers,
    left: list[int],
    rng: np.random.Generator,
) -> list[int]:
    """The pairs of the next batch, with what is known before it; a pair comes again as long as it has votes.

    Within a batch, a pair that was chosen counts as asked: its variance shrinks as if it had been answered.
    """
    left_N = np.array(left)
    if rule == "random":
        return [int(place) for place in rng.permutation(np.repeat(np.arange(len(left)), left_N))[:BATCH]]
    strength_K, cov_KK = known[0], known[1].copy()
    asked_N = counts_N3.sum(axis=1)
    places = []
    for _vote in range(BATCH):
        gain_N = -asked_N if rule == "fewest" else GAINS[rule](strength_K, cov_KK, pair_N2)
        open_N = np.where(left_N > 0, gain_N, -np.inf)
        best = np.flatnonzero(open_N >= open_N.max() - 1e-12)
        place = int(rng.choice(best))
        places.append(place)
        left_N[place] -= 1
        asked_N[place] += 1
        if rule != "fewest":
            cov_KK = answered(strength_K, cov_KK, *pair_N2[place])
    return places


def answered(strength_K: Numbers, cov_KK: Numbers, i: int, j: int) -> Numbers:
    """The covariance after one more judgment on i and j, whatever it says (Sherman and Morrison)."""
    p = 1 / (1 + math.exp(strength_K[j] - strength_K[i]))
    towards_K = cov_KK[:, i] - cov_KK[:, j]
    variance = towards_K[i] - towards_K[j]
    taken_KK: Numbers = np.outer(towards_K, towards_K)
    return np.asarray(cov_KK - p * (1 - p) * taken_KK / (1 + p * (1 - p) * variance), np.float64)


def votes_of(systems: int, pair_N2: Places, counts_N3: Numbers) -> Votes:
    wins_N, losses_N, ties_N = counts_N3.T
    cluster_N, style_NS = np.zeros(len(pair_N2), np.int64), np.zeros((len(pair_N2), 0))
    return Votes(systems, pair_N2[:, 0], pair_N2[:, 1], wins_N, losses_N, ties_N, cluster_N, style_NS)


def spearman(one_K: Numbers, other_K: Numbers) -> float:
    """Correlation of ranks; equal values share the mean of their ranks."""

    def ranked(value_K: Numbers) -> Numbers:
        above_K = (value_K[:, None] > value_K).sum(axis=1) + (value_K[:, None] >= value_K).sum(axis=1)
        return np.asarray(above_K, np.float64) / 2

    if np.ptp(one_K) < 1e-9:
        return 0.0
    return float(np.corrcoef(ranked(np.round(one_K, 9)), ranked(other_K))[0, 1])


# --- the summary -----------------------------------------------------------------


def needed(found: list[tuple[int, float]], mark: float) -> int:
    """Votes until the mark was reached and held for STAYS batches."""
    for place, (asked, _correlation) in enumerate(found):
        if all(correlation >= mark for _asked, correlation in found[place : place + STAYS]):
            return asked
    return found[-1][0]


def ratio(ours: list[int], random: list[int]) -> tuple[float, float, float]:
    """Geometric mean of the ratios seed by seed, with its 95 % interval."""
    logs = np.log(np.array(ours) / np.array(random))
    reach = student_975(len(logs) - 1) * logs.std(ddof=1) / math.sqrt(len(logs))
    return math.exp(logs.mean()), math.exp(logs.mean() - reach), math.exp(logs.mean() + reach)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.sampling", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    summary: dict[str, float | int] = {"seeds": arguments.seeds}
    print("| votes | mark | random needs | " + " | ".join(f"{rule} / random" for rule in RULES[1:]) + " |")
    print("|---|---|---|" + "---|" * len(RULES[1:]))
    began = time.monotonic()
    with ProcessPoolExecutor(arguments.workers) as pool:
        for name in arguments.sets:
            systems, ballots = ballots_of(SETS[name](FOLDER))
            jobs = [(rule, seed) for rule in RULES for seed in range(arguments.seeds)]
            courses = pool.map(course, repeat(systems), repeat(ballots), *zip(*jobs, strict=True))
            found = dict(zip(jobs, courses, strict=True))
            total = sum(map(len, ballots.values()))
            for mark in MARKS:
                by_rule = {rule: [needed(found[rule, s], mark) for s in range(arguments.seeds)] for rule in RULES}
                cells = []
                for rule in RULES[1:]:
                    middle, low, high = ratio(by_rule[rule], by_rule["random"])
                    summary[f"{name}_{mark}_{rule}"] = round(middle, 3)
                    cells.append(f"{middle:.2f} [{low:.2f}, {high:.2f}]")
                random = round(float(np.median(by_rule["random"])))
                print(
                    f"| {name}, {systems} systems, {total:,} votes | {mark} | {random:,} | {' | '.join(cells)} |",
                    flush=True,
                )
    summary["seconds"] = round(time.monotonic() - began)
    print(json.dumps(summary))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
