"""Judgments of real people pass through the recipe as they are. Skipped where they are missing.

Whether anything is learned from them takes longer to see: `python -m bench.real_preferences`, docs/truth.md.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from bench.real_preferences import (
    clustered,
    folds_dealt,
    longer_wins,
    shares,
    weights,
    words_bradley_terry,
)
from bench.real_sets import ARGUMENTS, CROWD, PAIRS, Judged, arguments, crowd, pairs
from bench.scoring import agreements, log_loss
from tests.real_data import real
from tests.training.tiny import Listener, preference, reward_request, snapshot_save

pytestmark = pytest.mark.engine


def test_votes_of_crowd_workers_train_a_reward_model(tmp_path: Path, listener: Listener) -> None:
    """The 36 shortest comparisons, as there are only seconds; the starter reads any text."""
    rows = sorted(crowd(real(CROWD)), key=lambda row: len(row.record.first.text) + len(row.record.second.text))[:36]
    records = [
        row.record.model_copy(update={"split": "holdout" if number % 3 == 0 else "train"})
        for number, row in enumerate(rows)
    ]
    snapshot = snapshot_save(tmp_path / "snapshot", records)

    report = listener.run(reward_request(tmp_path, Path("starter"), snapshot, batch_size=8, max_steps=2))

    held = [record for record in records if record.split == "holdout"]
    accuracy, bins = report.estimates["accuracy"], report.tables["reliability"]
    assert (report.metrics["rows/train"], report.metrics["rows/holdout"]) == (24, 12)
    assert accuracy.n == sum(record.prefer_first != 0.5 for record in held)
    assert accuracy.low <= accuracy.value <= accuracy.high
    assert 0 < report.metrics["eval/loss"] < 2 * math.log(2)
    assert 0 <= report.metrics["calibration/ece"] <= 1
    assert sum(bin["weight"] for bin in bins) == sum(record.weight for record in held)


def test_every_published_judgment_is_read() -> None:
    """The counts that the sets' own descriptions give; pairs with an empty answer are left out of the crowd's 1,464."""
    argued = arguments(real(ARGUMENTS))
    worked = crowd(real(CROWD))
    paired = pairs(real(PAIRS))

    assert (len(argued), sum(weights(argued))) == (4721, 23550)
    assert (len(worked), len({row.group for row in worked})) == (1284, 9)
    assert len(paired) == 6215
    assert np.allclose(2 * shares(worked) * weights(worked) % 1, 0, atol=1e-9)


# --- baselines, on paper ------------------------------------------------------


def judged(number: int, first: str, second: str, prefer_first: float) -> Judged:
    return Judged(preference(number, first, second, prefer_first=prefer_first), group=f"p{number}", source="paper")


def test_the_longer_answer_wins_as_surely_as_it_did() -> None:
    """Three of four longer answers won, so the odds of the longer one are 3 to 1: a lead of ln 3."""
    train = [judged(n, "long one", "short", float(n > 0)) for n in range(4)]
    held = [judged(9, "a", "bb", 0.0), judged(10, "a", "b", 1.0)]

    assert longer_wins(train, held).tolist() == pytest.approx([-math.log(3), 0.0])


def test_words_that_win_are_learned() -> None:
    train = [judged(n, f"good x{n}", f"bad x{n}", 1.0) for n in range(40)]
    held = [judged(90, "bad", "good", 0.0), judged(91, "good", "bad", 1.0)]

    lead_R = words_bradley_terry(train, held)

    assert agreements(lead_R, shares(held)).tolist() == [1.0, 1.0]
    assert log_loss(lead_R, shares(held)) < 0.3


def test_rows_of_one_prompt_are_drawn_together() -> None:
    """Two prompts, all right and all wrong: draws of whole prompts give means from 0 to 1, draws of rows would not."""
    mean, low, high = clustered(np.array([1.0] * 50 + [0.0] * 50), ["a"] * 50 + ["b"] * 50)

    assert (mean, low, high) == (0.5, 0.0, 1.0)


def test_folds_differ_by_at_most_one_group() -> None:
    fold_of = folds_dealt({f"g{n}" for n in range(11)}, 3)

    sizes = [list(fold_of.values()).count(fold) for fold in range(3)]
    assert sorted(sizes) == [3, 4, 4]
