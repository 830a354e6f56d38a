"""How long does it take to aggregate a million judgments, and what do the numbers that come out hold?

    python -m bench.aggregation [--judgments 1000000] [--seeds 10]

Judgments are drawn by the law of the joint model, which flatters it: five a comparison, every tenth rater flips coins,
sides are drawn, and there is a shared taste for length. First 2,000 raters and a clock; then, per seed, 100 raters with
about 160 judgments each, to see how often intervals hold the truth. One process; set OMP_NUM_THREADS=1 for one core.
Prints Markdown tables, and as its last line one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np

from annotator.domain.aggregation import Consensus, Judgments, joint_fit, standings_of, targets_of
from annotator.domain.aggregation.arrays import Numbers
from annotator.domain.aggregation.joint import SIDE, outcomes, reliability_of
from bench.scoring import Interval

VOTES, RATERS = 5, 2000
FEW_RATERS, FEW = 100, 16_000  # raters and judgments of a seed
USUAL = (1.5, 0.5)  # a and w of a usual rater


@dataclass(frozen=True)
class Drawn:
    """Judgments, and the truth behind them: differences of comparisons, reliabilities and side leans of raters."""

    judgments: Judgments
    difference_C: Numbers
    reliability_R: Numbers
    side_R: Numbers

    @property
    def prefer_first_C(self) -> Numbers:
        """Share of usual raters without leans who would prefer first."""
        first_C, tie_C, _ = outcomes(USUAL[0] * self.difference_C, np.array(USUAL[1]))
        share_C: Numbers = first_C + tie_C / 2
        return share_C


def drawn(count: int, raters: int, dice: np.random.Generator) -> Drawn:
    comparisons = count // VOTES
    a_R = np.abs(dice.normal(USUAL[0], 0.6, raters))
    a_R[::10] = 0.0
    side_R, length_R = dice.normal(0.1, 0.4, raters), dice.normal(0.0, 0.3, raters)
    width_R = USUAL[1] * np.exp(dice.normal(0, 0.5, raters))
    longer_C = dice.integers(-1, 2, comparisons)
    difference_C = dice.normal(size=comparisons) + 0.5 * longer_C
    comparison_J = np.tile(np.arange(comparisons), VOTES)  # the order of rounds, not of comparisons
    rater_J = dice.integers(0, raters, len(comparison_J))
    left_J = dice.choice([-1, 1], len(comparison_J))
    longer_J = longer_C[comparison_J]
    eta_J = a_R[rater_J] * difference_C[comparison_J] + side_R[rater_J] * left_J + length_R[rater_J] * longer_J
    first_J, tie_J, _ = outcomes(eta_J, width_R[rater_J])
    chance_J = dice.random(len(comparison_J))
    value_J = np.where(chance_J < first_J, -1.0, np.where(chance_J < first_J + tie_J, 0.0, 1.0))
    judgments = Judgments.of(comparison_J, rater_J, value_J, left_J > 0, longer_J, raters=raters)
    return Drawn(judgments, difference_C, reliability_of(a_R), side_R)


def right_and_far(planted: Drawn, consensus: Consensus) -> tuple[float, float]:
    """How often the better answer is named, and the mean distance of targets from what usual raters would say."""
    prefer_first_C = targets_of(planted.judgments, consensus).prefer_first_C
    lean_C = np.sign(np.round(prefer_first_C - 0.5, 9))
    right = float((lean_C * np.sign(planted.difference_C) + 1).mean() / 2)
    return right, float(np.abs(prefer_first_C - planted.prefer_first_C).mean())


def intervals(seed: int) -> dict[str, float]:
    """What holds for one seed of few raters."""
    planted = drawn(FEW, FEW_RATERS, np.random.default_rng([1, seed]))
    fitted = joint_fit(planted.judgments)
    raters, true_R = fitted.raters, planted.reliability_R
    coin_R = true_R == 0.5
    side_R, error_R = raters.parameter_RP[:, SIDE], raters.error_RP[:, SIDE]
    named_R = np.array([standing.is_suspect for standing in standings_of(planted.judgments, fitted)])
    holds_R = (raters.low_R - 1e-9 <= true_R) & (true_R <= raters.high_R)
    found = {
        "interval of reliability holds it": float(holds_R[~coin_R].mean()),
        "the same, coins": float(holds_R[coin_R].mean()),
        "interval of the side lean holds it": float((np.abs(side_R - planted.side_R) < 1.96 * error_R).mean()),
        "reliability minus the true one": float((raters.reliability_R - true_R)[~coin_R].mean()),
        "coins named": float(named_R[coin_R].mean()),
        "others named": float(named_R[~coin_R].mean()),
    }
    for consensus in Consensus:
        right, far = right_and_far(planted, consensus)
        found |= {f"names the better one, {consensus.value}": right, f"distance of targets, {consensus.value}": far}
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.aggregation", description=__doc__.splitlines()[0])
    parser.add_argument("--judgments", type=int, default=1_000_000)
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    planted = drawn(options.judgments, RATERS, np.random.default_rng(0))
    load = os.getloadavg()[0]
    figures: dict[str, dict[str, float]] = {}
    print("| method | seconds | CPU-seconds |\n|---|---|---|")

    def clocked(name: str, work: Callable[[], object]) -> None:
        clock, cpu = time.perf_counter(), time.process_time()
        work()
        seconds, cpu = time.perf_counter() - clock, time.process_time() - cpu
        figures[name] = {"seconds": round(seconds, 2), "cpu": round(cpu, 2)}
        print(f"| {name} | {seconds:.1f} | {cpu:.1f} |")

    for consensus in Consensus:
        clocked(consensus.value, partial(targets_of, planted.judgments, consensus))
    fitted = joint_fit(planted.judgments)
    clocked("standings of raters, after joint", partial(standings_of, planted.judgments, fitted))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    threads = os.environ.get("OMP_NUM_THREADS", "not set")
    print(f"\nPeak memory {peak:,} MB; OMP_NUM_THREADS {threads}; load of the machine at the start {load:.1f}.")

    seeds = [intervals(seed) for seed in range(options.seeds)]
    print(f"\n| measure ({FEW_RATERS} raters, {FEW:,} judgments) | mean over {len(seeds)} seeds [95 %] |\n|---|---|")
    for measure in seeds[0]:
        interval = Interval.of([seed[measure] for seed in seeds])
        print(f"| {measure} | {interval} |")
        figures[measure] = {key: round(value, 4) for key, value in asdict(interval).items()}
    print(json.dumps({"judgments": len(planted.judgments), "peak_mb": peak, "load": load, "figures": figures}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
