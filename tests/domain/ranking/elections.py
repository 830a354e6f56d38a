"""Votes for the tests of rankings: made up by chance, and as people cast them."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from collections.abc import Iterable

import numpy as np
from hypothesis import strategies

from annotator.domain.ranking.votes import Votes, votes_counted
from tests.real_data import real

Ballot = tuple[str, str, str, str]  # first, second, who won (first, second, tie), rater


def counted(ballots: Iterable[Ballot]) -> tuple[list[str], Votes]:
    """Names in the order of the alphabet, and votes with raters as clusters."""
    cast = Counter(ballots)
    names = sorted({name for first, second, _won, _rater in cast for name in (first, second)})
    raters = {rater: number for number, rater in enumerate(sorted({ballot[3] for ballot in cast}))}
    rows = [
        (names.index(first), names.index(second), n * (won == "first"), n * (won == "second"), n * (won == "tie"))
        for (first, second, won, _rater), n in cast.items()
    ]
    return names, votes_counted(len(names), rows, clusters=[raters[ballot[3]] for ballot in cast])


def wmt16(pair: str) -> tuple[list[str], Votes]:
    """Judges' rankings of translation systems, as pairs."""
    with gzip.open(real(f"02b_wmt16_human_ranking/wmt16.{pair}.csv.gz"), "rt", encoding="utf-8") as file:
        return counted(
            (row["system1Id"], row["system2Id"], _ranked(row["system1rank"], row["system2rank"]), row["judgeID"])
            for row in csv.DictReader(file)
        )


def llmfao() -> tuple[list[str], Votes]:
    """Crowd workers' votes on answers of 59 models."""
    path = real("02e_llmfao_llm_crowd_votes/crowd-comparisons.dev_prompts.csv.gz")
    won = {"left": "first", "right": "second", "tie": "tie"}
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return counted((row["left"], row["right"], won[row["winner"]], row["worker"]) for row in csv.DictReader(file))


def mt_bench() -> tuple[list[str], Votes]:
    """Experts' votes on answers of six models."""
    won = {"model_a": "first", "model_b": "second", "tie": "tie"}
    with gzip.open(real("02f_mtbench_human_votes/human_votes.jsonl.gz"), "rt", encoding="utf-8") as file:
        return counted(
            (row["model_a"], row["model_b"], won[row["winner"]], row["judge"]) for row in map(json.loads, file)
        )


def drawn(
    rng: np.random.Generator,
    *,
    contestants: int,
    raters: int,
    votes_each: int,
    taste: float = 0.0,
    nu: float = 0.5,
    style: float | None = None,
) -> tuple[np.ndarray, Votes]:
    """Planted strengths from -0.8 to 0.8, and votes of raters who differ by `taste` logits, by Davidson's law.

    With `style`, a covariate of spread 1 adds so much.
    """
    strength_K = np.linspace(-0.8, 0.8, contestants)
    taste_CK = rng.normal(0, taste, (raters, contestants))
    total = raters * votes_each
    rater_R = np.repeat(np.arange(raters), votes_each)
    first_R = rng.integers(0, contestants, total)
    second_R = (first_R + rng.integers(1, contestants, total)) % contestants
    style_RS = rng.normal(0, 1, (total, 0 if style is None else 1))
    d_R = strength_K[first_R] - strength_K[second_R] + taste_CK[rater_R, first_R] - taste_CK[rater_R, second_R]
    d_R = d_R + (style_RS * (style or 0.0)).sum(axis=1)
    first, second = np.exp(d_R / 2), np.exp(-d_R / 2)
    place_R = rng.random(total) * (first + second + nu)
    won_R, tied_R = place_R < first, place_R >= first + second
    wins_R, losses_R, ties_R = (one.astype(np.float64) for one in (won_R, ~won_R & ~tied_R, tied_R))
    return strength_K, Votes(contestants, first_R, second_R, wins_R, losses_R, ties_R, rater_R, style_RS)


@strategies.composite
def elections(draw: strategies.DrawFn) -> Votes:
    """Two to six contestants, up to twenty rows, few votes: with winners of everything and people nobody met."""
    contestants = draw(strategies.integers(2, 6))
    places = strategies.integers(0, contestants - 1)
    pairs = strategies.tuples(places, places).filter(lambda pair: pair[0] != pair[1])
    counts = strategies.tuples(*[strategies.integers(0, 4)] * 3)
    rows = draw(strategies.lists(strategies.tuples(pairs, counts), max_size=20))
    clusters = draw(strategies.lists(strategies.integers(0, 5), min_size=len(rows), max_size=len(rows)))
    return votes_counted(contestants, [(*pair, *count) for pair, count in rows], clusters=clusters)


def _ranked(first: str, second: str) -> str:
    return "tie" if int(first) == int(second) else "first" if int(first) < int(second) else "second"
