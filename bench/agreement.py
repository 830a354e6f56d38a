"""All coefficients of agreement with their intervals: python -m bench.agreement [--judgments 1000000] [--pairs 100]

Raters see random comparisons, three to each, and answer on a scale of seven after
their own noisy view of a hidden truth; a second question of three answers is asked
too, prompts carry one of twenty tags, and there are ten rounds. Each part is
measured in this process, by the clock and by processor time, in seconds; the
best of --times runs. Set OMP_NUM_THREADS=1 for one core. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from annotator.domain.agreement import (
    COEFFICIENTS,
    Views,
    agreement_of,
    mean_pairwise_kappa,
    rater_pairs,
    raters_against_others,
)
from annotator.domain.agreement.resampling import RESAMPLES
from annotator.domain.agreement.votes import Indices, Numbers

PER_COMPARISON = 3
SEVEN = np.array([-1, -2 / 3, -1 / 3, 0, 1 / 3, 2 / 3, 1])
THREE = np.array([-1.0, 0.0, 1.0])
BRIEF = ("with_ties", "without_ties", "alpha_nominal", "alpha_interval", "ac1")  # as the page shows tags and rounds


@dataclass(frozen=True)
class Crowd:
    """Judgments of two questions, and the tag and the round of each comparison."""

    comparison_J: Indices
    rater_J: Indices
    overall_J: Numbers
    criterion_J: Numbers
    tag_U: Indices
    round_U: Indices

    @classmethod
    def drawn(cls, judgments: int, raters: int, dice: np.random.Generator) -> Crowd:
        comparisons = judgments // PER_COMPARISON
        comparison_J = np.repeat(np.arange(comparisons), PER_COMPARISON)
        rater_J = np.argsort(dice.random((comparisons, raters)), axis=1)[:, :PER_COMPARISON].ravel()
        seen_J = dice.normal(size=comparisons)[comparison_J] + dice.normal(size=len(comparison_J))
        overall_J = SEVEN[np.clip(np.round(1.5 * seen_J) + 3, 0, 6).astype(int)]
        criterion_J = THREE[np.clip(np.round(seen_J + dice.normal(size=len(seen_J))) + 1, 0, 2).astype(int)]
        tag_U, round_U = dice.integers(0, 20, comparisons), dice.integers(0, 10, comparisons)
        return cls(comparison_J, rater_J, overall_J, criterion_J, tag_U, round_U)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.agreement", description=__doc__.splitlines()[0])
    parser.add_argument("--judgments", type=int, default=1_000_000)
    parser.add_argument("--raters", type=int, default=50)
    parser.add_argument("--pairs", type=int, default=100, help="pairs of raters that get a row (100)")
    parser.add_argument("--times", type=int, default=3)
    arguments = parser.parse_args()
    crowd = Crowd.drawn(arguments.judgments, arguments.raters, np.random.default_rng(1))
    runs = [measured(crowd, arguments.pairs) for _ in range(arguments.times)]
    best = min(runs, key=lambda run: sum(seconds for seconds, _cpu in run.values()))
    print(
        f"{len(crowd.comparison_J):,} judgments, {arguments.raters} raters, {RESAMPLES} resamples; {platform.machine()}"
    )
    print("| part | seconds | processor seconds |\n|---|---|---|")
    for name, (seconds, cpu) in best.items():
        print(f"| {name} | {seconds:.2f} | {cpu:.2f} |")
    total, total_cpu = (round(sum(part[place] for part in best.values()), 2) for place in (0, 1))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        json.dumps(
            {
                "judgments": len(crowd.comparison_J),
                "raters": arguments.raters,
                "pairs": arguments.pairs,
                "seconds": total,
                "cpu_seconds": total_cpu,
                "peak_mib": peak,
            }
        )
    )
    return 0


def measured(crowd: Crowd, pairs: int) -> dict[str, tuple[float, float]]:
    """Part → seconds by the clock and of processor time; nothing is kept from one run to the next."""
    spent: dict[str, tuple[float, float]] = {}
    questions: list[Views] = []

    def timed(name: str, part: Callable[[], object]) -> None:
        began, cpu = time.perf_counter(), time.process_time()
        part()
        spent[name] = (time.perf_counter() - began, time.process_time() - cpu)

    def sorted_out() -> None:
        questions.extend(
            Views.of(crowd.comparison_J, crowd.rater_J, answers) for answers in (crowd.overall_J, crowd.criterion_J)
        )

    timed("reading two questions", sorted_out)
    overall, criterion = questions
    timed(f"{len(COEFFICIENTS)} coefficients, overall", lambda: agreement_of(overall))
    timed(f"{len(COEFFICIENTS)} coefficients, criterion", lambda: agreement_of(criterion))
    timed("mean pairwise kappa", lambda: mean_pairwise_kappa(overall.sides))
    timed("each rater against the others", lambda: raters_against_others(overall))
    timed(f"{pairs} pairs of raters", lambda: rater_pairs(overall, pairs))
    timed("20 tags", lambda: [agreement_of(overall, crowd.tag_U == tag, BRIEF) for tag in range(20)])
    timed("10 rounds", lambda: [agreement_of(overall, crowd.round_U == number, BRIEF) for number in range(10)])
    return spent


if __name__ == "__main__":
    sys.exit(main())
