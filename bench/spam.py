"""Are raters who do not look at the answers found, and does the consensus bear them?

    python -m bench.spam [--sets arguments crowd entailment] [--seeds 10]

Real votes of three sets (tests/real_data.py says where they lie), and raters put among them who do not judge: a quarter
each takes a side by chance, the left answer, the longer answer, or what one honest rater said. Their number is a share
of all raters with at least BUSY votes, theirs included; each votes as often as a real rater drawn from those. Their
votes come on top, in a drawn order, copies after what they copy. Slips: 3 in 100. Prints Markdown tables, and as its
last line one JSON object.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from annotator.domain.aggregation.arrays import TIE, Flags, Ints, Judgments, Numbers
from annotator.domain.aggregation.consensus import Consensus, targets_of
from annotator.domain.aggregation.joint import joint_fit
from annotator.domain.aggregation.standing import Standing, standings_of
from bench.real_votes import ARGUMENTS, CROWD, ENTAILMENT, Votes, arguments, crowd, entailment
from bench.scoring import Interval
from tests.real_data import FOLDER

SETS: dict[str, tuple[str, Callable[[Path], Votes]]] = {
    "arguments": (ARGUMENTS, arguments),
    "crowd": (CROWD, crowd),
    "entailment": (ENTAILMENT, entailment),
}
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4)
KINDS = ("random", "left", "longer", "copying")
BUSY = 20
MUCH = 60
SLIP = 0.03
GOOD = 0.6  # accuracy on the experts' truth below which a real rater does not count as honest


@dataclass(frozen=True)
class Mixed:
    """Real votes and those put among them. kind_R: 0 = real, otherwise 1 + the place in KINDS."""

    judgments: Judgments
    kind_R: Ints


def contaminated(real: Judgments, share: float, dice: np.random.Generator) -> Mixed:
    """The real votes with spammers on top."""
    busy_R = np.flatnonzero(real.votes_R >= BUSY)
    count = round(share / (1 - share) * len(busy_R))
    tie = float((real.said_J == TIE).mean())
    longer_C = np.zeros(real.comparisons, np.int64)
    longer_C[real.comparison_J] = real.longer_J
    columns = [(real.comparison_J, real.rater_J, real.value_J, longer_C[real.comparison_J])]
    kind_R = np.zeros(real.raters + count, np.int64)
    for number in range(count):
        rater, kind = real.raters + number, KINDS[number % len(KINDS)]
        kind_R[rater] = 1 + number % len(KINDS)
        wanted = min(int(real.votes_R[dice.choice(busy_R)]), real.comparisons)
        if kind == "copying":
            theirs_J = np.flatnonzero(real.rater_J == dice.choice(busy_R))
            at_J = dice.permutation(theirs_J)[:wanted]
            # Nobody can judge a comparison twice, though one rater of one set did.
            at_J = at_J[np.unique(real.comparison_J[at_J], return_index=True)[1]]
            comparison, value = real.comparison_J[at_J], np.sign(real.value_J[at_J])
        else:
            comparison = dice.permutation(real.comparisons)[:wanted]
            value = _blind(kind, longer_C[comparison], tie, dice)
        slips = dice.random(len(value)) < SLIP
        value = np.where(slips, dice.choice([-1.0, 1.0], len(value)), value)
        columns.append((comparison, np.full(len(value), rater), value, longer_C[comparison]))
    comparison_J, rater_J, value_J, longer_J = (np.concatenate(parts) for parts in zip(*columns, strict=True))
    judgments = Judgments.of(
        comparison_J,
        rater_J,
        value_J,
        np.ones(len(comparison_J), bool),
        longer_J,
        comparisons=real.comparisons,
        raters=len(kind_R),
    )
    return Mixed(judgments, kind_R)


def _blind(kind: str, longer: Ints, tie: float, dice: np.random.Generator) -> Numbers:
    coin = dice.choice([-1.0, 1.0], len(longer))
    if kind == "random":
        return np.where(dice.random(len(longer)) < tie, 0.0, coin)
    if kind == "left":
        return -np.ones(len(longer))
    return np.where(longer == 0, coin, -longer)


# --- what is measured --------------------------------------------------------------


@dataclass(frozen=True)
class Split:
    """What is aggregated, and what its consensus is held against: 1 = first, -1 = second, per held-out row H."""

    real: Judgments
    comparison_H: Ints
    truth_H: Ints


def split_of(votes: Votes, dice: np.random.Generator) -> Split:
    """Against the published truth where there is one; otherwise a vote of each pair with several is held out."""
    real = votes.judgments
    if votes.known_C.any():
        decided = np.flatnonzero(votes.known_C & (votes.truth_C != 0))
        return Split(real, decided, votes.truth_C[decided])
    order_J = dice.permutation(len(real))
    _, first = np.unique(real.comparison_J[order_J], return_index=True)
    out_J = np.zeros(len(real), bool)
    out_J[order_J[first]] = True
    out_J &= real.votes_C[real.comparison_J] > 1
    held = np.flatnonzero(out_J & (real.said_J != TIE))
    return Split(real.only(~out_J), real.comparison_J[held], TIE - real.said_J[held])


def accuracy(prefer_first_C: Numbers, split: Split) -> float:
    """Share of held-out rows that the consensus names; an undecided one counts one half."""
    lean_H = np.sign(np.round(prefer_first_C[split.comparison_H] - 0.5, 9))
    return float((lean_H * split.truth_H + 1).mean() / 2)


def measured(votes: Votes, share: float, seed: int) -> dict[str, float]:
    dice = np.random.default_rng([seed, round(100 * share)])
    split = split_of(votes, dice)
    mixed = contaminated(split.real, share, dice)
    judgments = mixed.judgments
    standings = standings_of(judgments, joint_fit(judgments))
    suspect_R = np.array([standing.is_suspect for standing in standings])
    left_over = judgments.only(~suspect_R[judgments.rater_J])
    real_R = (mixed.kind_R == 0) & (judgments.votes_R >= BUSY)
    found = {
        "votes by spammers": float((mixed.kind_R[judgments.rater_J] > 0).mean()),
        "honest paused": float(suspect_R[real_R].mean()),
        **_caught(mixed, suspect_R, standings),
        **{
            f"accuracy, {consensus.value}": accuracy(targets_of(judgments, consensus).prefer_first_C, split)
            for consensus in Consensus
        },
        **{
            f"accuracy, {consensus.value}, without suspects": accuracy(
                targets_of(left_over, consensus).prefer_first_C, split
            )
            for consensus in Consensus
        },
        "accuracy, votes, spammers left out": accuracy(targets_of(split.real, Consensus.VOTES).prefer_first_C, split),
    }
    if votes.known_C.all():
        good_R = real_R & (_accuracies(judgments, votes) >= GOOD)
        found["good raters paused"] = float(suspect_R[good_R].mean())
    return found


def _caught(mixed: Mixed, suspect_R: Flags, standings: list[Standing]) -> dict[str, float]:
    spam_R = mixed.kind_R > 0
    if not spam_R.any():
        return {}
    caught = {"caught": float(suspect_R[spam_R].mean())}
    if (much_R := spam_R & (mixed.judgments.votes_R >= MUCH)).any():
        caught[f"caught, of those with {MUCH} votes or more"] = float(suspect_R[much_R].mean())
    for number, kind in enumerate(KINDS, start=1):
        if (of_kind := mixed.kind_R == number).any():
            caught[f"caught, {kind}"] = float(suspect_R[of_kind].mean())
            named = [standings[rater].habit.value == kind for rater in np.flatnonzero(of_kind & suspect_R)]
            if named:
                caught[f"named rightly, {kind}"] = float(np.mean(named))
    return caught


def _accuracies(judgments: Judgments, votes: Votes) -> Numbers:
    right_J = (TIE - judgments.said_J) == votes.truth_C[judgments.comparison_J]
    return np.bincount(judgments.rater_J, weights=right_J, minlength=judgments.raters) / np.maximum(
        judgments.votes_R, 1
    )


def _interval(shares: list[float]) -> Interval | None:
    """None for a single run. Student's interval knows nothing of 0 and 1, where shares end."""
    if len(shares) < 2:
        return None
    found = Interval.of(shares)
    return replace(found, low=max(found.low, 0.0), high=min(found.high, 1.0))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.spam", description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    began = time.monotonic()
    figures: dict[str, dict[str, dict[str, object]]] = {}
    for name in options.sets:
        folder, read = SETS[name]
        votes = read(FOLDER / folder)
        real = votes.judgments
        busy = int((real.votes_R >= BUSY).sum())
        print(f"\n**{name}**: {len(real):,} votes, {real.comparisons:,} pairs, {real.raters:,} raters, {busy} busy\n")
        by_share = {share: [measured(votes, share, seed) for seed in range(options.seeds)] for share in SHARES}
        measures = list(dict.fromkeys(key for runs in by_share.values() for run in runs for key in run))
        print("| spammers among busy raters |" + "".join(f" {share:.0%} |" for share in SHARES))
        print("|---|" + "---|" * len(SHARES))
        figures[name] = {}
        for measure in measures:
            cells = {}
            for share, runs in by_share.items():
                values = [run[measure] for run in runs if measure in run]
                cells[share] = _interval(values)
            print(f"| {measure} |" + "".join(f" {cell or '–'} |" for cell in cells.values()))
            figures[name][measure] = {
                f"{share:g}": {key: round(value, 4) for key, value in asdict(cell).items()}
                for share, cell in cells.items()
                if cell
            }
    print(json.dumps({"seeds": options.seeds, "seconds": round(time.monotonic() - began), "figures": figures}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
