"""How often do the leaderboard's intervals hold the truth? python -m bench.coverage [--elections 1000]

Elections are made up: strengths from -0.8 to 0.8 logits, votes by Davidson's law, raters whose tastes differ by so many
logits. The truth is what 20,000 raters with the same spread of tastes give. Two intervals of the lead of the best over
the worst are held against it: the one on the page, by rater, and the one that takes votes as independent. Prints a
Markdown table, and as its last line one JSON object.
"""

from __future__ import annotations

import argparse
import json
import math

import numpy as np

from annotator.domain.ranking.bradley_terry import fit
from annotator.domain.ranking.spread import Z_95, sandwich
from annotator.domain.ranking.standings import errors_of_differences
from annotator.domain.ranking.votes import Ties
from tests.domain.ranking.elections import drawn

CONTESTANTS = 4
SHAPES = [(4, 60, 0.5), (8, 60, 0.5), (15, 60, 0.5), (30, 40, 0.5), (4, 60, 0.0), (30, 40, 0.0)]


def held(raters: int, votes_each: int, taste: float, elections: int) -> tuple[float, float, int]:
    """Shares of elections in which the interval by rater, and by vote, held the truth; and how many were rated."""
    rng = np.random.default_rng(11)
    _, endless = drawn(rng, contestants=CONTESTANTS, raters=20_000, votes_each=10, taste=taste)
    truth = float(np.subtract(*fit(endless, Ties.DAVIDSON).strength_Q[[-1, 0]]))
    found = []
    for _election in range(elections):
        _, votes = drawn(rng, contestants=CONTESTANTS, raters=raters, votes_each=votes_each, taste=taste)
        fitted = fit(votes, Ties.DAVIDSON)
        if len(fitted.rated_Q) < CONTESTANTS:
            continue
        spread, best = sandwich(fitted), CONTESTANTS - 1
        away = abs(float(fitted.strength_Q[best] - fitted.strength_Q[0]) - truth)
        by_rater, by_vote = (
            errors_of_differences(cov_PP[:CONTESTANTS, :CONTESTANTS])[0, best]
            for cov_PP in (spread.cov_PP, fitted.bread_PP)
        )
        found.append((away < spread.reach * by_rater, away < Z_95 * by_vote))
    shares = np.mean(found, axis=0)
    return float(shares[0]), float(shares[1]), len(found)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.coverage", description=__doc__.splitlines()[0])
    parser.add_argument("--elections", type=int, default=1000)
    arguments = parser.parse_args()
    print("| raters | votes each | difference in taste, logits | by rater | by vote | elections |")
    print("|---|---|---|---|---|---|")
    summary: dict[str, float] = {}
    for raters, votes_each, taste in SHAPES:
        by_rater, by_vote, n = held(raters, votes_each, taste, arguments.elections)
        around = [f"{share:.3f} ± {1.96 * math.sqrt(share * (1 - share) / n):.3f}" for share in (by_rater, by_vote)]
        print(f"| {raters} | {votes_each} | {taste} | {around[0]} | {around[1]} | {n:,} |", flush=True)
        summary |= {f"by_rater_{raters}_{taste}": round(by_rater, 3), f"by_vote_{raters}_{taste}": round(by_vote, 3)}
    print(json.dumps(summary))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
