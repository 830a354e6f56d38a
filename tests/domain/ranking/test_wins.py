from __future__ import annotations

import csv
import gzip
import json
from collections import defaultdict

import pytest

from annotator.domain.ranking.votes import votes_counted
from annotator.domain.ranking.wins import won_and_met
from tests.real_data import real

BOARDS = [
    ("alpaca_eval_gpt4", "published_leaderboard_v1_alpaca_eval_gpt4.dev_models.csv"),
    ("weighted_alpaca_eval_gpt4_turbo", "published_leaderboard_v2_weighted_gpt4_turbo.dev_models.csv"),
]


def test_a_tie_is_half_a_win_for_both() -> None:
    won, met = won_and_met(votes_counted(3, [(0, 1, 2, 1, 1), (1, 0, 3, 0, 0)]))

    assert won.tolist() == [[0, 2.5, 0], [4.5, 0, 0], [0, 0, 0]]
    assert met.tolist() == [[0, 7, 0], [7, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize(("annotator", "published"), BOARDS)
def test_win_rates_over_the_baseline_are_the_published_ones_to_the_last_digit(annotator: str, published: str) -> None:
    """A preference of 1 is a win of the baseline, 2 one of the model, in between a share; 0 is a draw."""
    folder = real("02a_alpaca_eval")
    won: dict[str, list[float]] = defaultdict(list)
    with gzip.open(folder / "annotations.dev.jsonl.gz", "rt", encoding="utf-8") as file:
        for row in map(json.loads, file):
            if row["annotator"] == annotator and row["preference"] is not None:
                won[row["generator_2"]].append((row["preference"] or 1.5) - 1)
    models = sorted(won)
    rows = [(k + 1, 0, sum(won[name]), len(won[name]) - sum(won[name]), 0) for k, name in enumerate(models)]

    matrix, met = won_and_met(votes_counted(len(models) + 1, rows))

    with (folder / published).open() as file:
        rates = {row[""]: float(row["win_rate"]) for row in csv.DictReader(file)}
    for k, name in enumerate(models, 1):
        assert 100 * matrix[k, 0] / met[k, 0] == pytest.approx(rates[name], rel=1e-12), name
