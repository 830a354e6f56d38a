"""How long does it take to aggregate a million judgments, and does each way get better than votes?

    python -m bench.aggregation [--judgments 1000000]

Judgments are drawn by the law of the joint model: five a comparison, 2,000 raters of whom every tenth flips coins, sides
drawn, a shared taste for length. One process; set OMP_NUM_THREADS=1 for one core. Prints a Markdown table, and as its
last line one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time

import numpy as np

from annotator.domain.aggregation import Consensus, Judgments, joint_fit, standings_of, targets_of
from annotator.domain.aggregation.arrays import Numbers
from annotator.domain.aggregation.joint import outcomes

VOTES, RATERS = 5, 2000


def drawn(count: int, dice: np.random.Generator) -> tuple[Judgments, Numbers]:
    """The judgments, and the true differences of the comparisons."""
    comparisons = count // VOTES
    a_R = np.abs(dice.normal(1.5, 0.6, RATERS))
    a_R[::10] = 0.0
    side_R, length_R = dice.normal(0.1, 0.4, RATERS), dice.normal(0.0, 0.3, RATERS)
    width_R = np.exp(dice.normal(-0.7, 0.5, RATERS))
    longer_C = dice.integers(-1, 2, comparisons)
    difference_C = dice.normal(size=comparisons) + 0.5 * longer_C
    comparison_J = np.tile(np.arange(comparisons), VOTES)  # the order of rounds, not of comparisons
    rater_J = dice.integers(0, RATERS, len(comparison_J))
    left_J = dice.choice([-1, 1], len(comparison_J))
    longer_J = longer_C[comparison_J]
    eta_J = a_R[rater_J] * difference_C[comparison_J] + side_R[rater_J] * left_J + length_R[rater_J] * longer_J
    first_J, tie_J, _ = outcomes(eta_J, width_R[rater_J])
    chance_J = dice.random(len(comparison_J))
    value_J = np.where(chance_J < first_J, -1.0, np.where(chance_J < first_J + tie_J, 0.0, 1.0))
    return Judgments.of(comparison_J, rater_J, value_J, left_J > 0, longer_J), difference_C


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.aggregation", description=__doc__.splitlines()[0])
    parser.add_argument("--judgments", type=int, default=1_000_000)
    count = parser.parse_args().judgments
    judgments, difference_C = drawn(count, np.random.default_rng(0))
    load = os.getloadavg()[0]
    figures: dict[str, dict[str, float]] = {}
    print("| method | seconds | CPU-seconds | names the better one (n comparisons) |\n|---|---|---|---|")
    for consensus in Consensus:
        clock, cpu = time.perf_counter(), time.process_time()
        targets = targets_of(judgments, consensus)
        seconds, cpu = time.perf_counter() - clock, time.process_time() - cpu
        lean_C = np.sign(np.round(targets.prefer_first_C - 0.5, 9))
        right = float((lean_C * np.sign(difference_C) + 1).mean() / 2)
        figures[consensus.value] = {"seconds": round(seconds, 2), "cpu": round(cpu, 2), "right": round(right, 4)}
        print(f"| {consensus.value} | {seconds:.1f} | {cpu:.1f} | {right:.3f} ({len(difference_C):,}) |")
    fitted = joint_fit(judgments)
    clock, cpu = time.perf_counter(), time.process_time()
    standings = standings_of(judgments, fitted)
    seconds, cpu = time.perf_counter() - clock, time.process_time() - cpu
    named = [standing.is_suspect for standing in standings]
    figures["standings"] = {
        "seconds": round(seconds, 2),
        "cpu": round(cpu, 2),
        "coins_named": float(np.mean(named[::10])),
        "others_named": float(np.mean([is_named for at, is_named in enumerate(named) if at % 10])),
    }
    print(f"| standings of raters, after joint | {seconds:.1f} | {cpu:.1f} | |")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    threads = os.environ.get("OMP_NUM_THREADS", "not set")
    print(f"\nPeak memory {peak:,} MB; OMP_NUM_THREADS {threads}; load of the machine at the start {load:.1f}.")
    print(json.dumps({"judgments": len(judgments), "peak_mb": peak, "load": load, "figures": figures}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
