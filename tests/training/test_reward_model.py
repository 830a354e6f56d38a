"""Reward models with several questions and several heads, and what they say of themselves."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.training.test_models import ids
from tests.training.test_traps_layouts import family
from tests.training.tiny import (
    ROOT,
    Listener,
    planted,
    preference,
    reward_request,
    snapshot_save,
)
from training.config import RewardSettings
from training.contract import (
    COMPARISONS,
    CriterionVotes,
    PolicyRef,
    PreferenceRecord,
    SnapshotManifest,
    manifest_write,
    report_read,
    rows_write,
)
from training.layout import Kind, layout_of_pairs
from training.reward import BradleyTerry
from training.reward_model import LENGTH_UNIT, RewardModel, backbone_load, reward_model_load
from training.rows import PairTokens, preference_rows
from training.tokens import LeftOut, preferences_encoded

CPU = torch.device("cpu")


def snapshot_of(folder: Path, records: Sequence[PreferenceRecord], *criteria: str) -> Path:
    folder.mkdir(parents=True)
    rows_write(folder / COMPARISONS, records)
    about = {"project": "tiny", "round": 1, "created_at": "", "counts": {}, "criteria": criteria}
    manifest_write(folder, SnapshotManifest.model_validate(about))
    return folder


def objective_of(base: Path, folder: Path, snapshot: Path, kind: Kind = "shared", **settings: Any) -> BradleyTerry:
    """The objective before its first step."""
    given = RewardSettings.model_validate({"lora_rank": 4, **settings})
    backbone = backbone_load(PolicyRef(label="p", base_model=str(base)), CPU, settings=given)
    rows = preference_rows(snapshot, folder / "rows", backbone.speech, given, max_length=200, criteria=True)
    return BradleyTerry(RewardModel.fresh(backbone, rows.criteria, given, 0), rows, given, kind, seed=0)


def loss_of(objective: BradleyTerry, numbers: Sequence[int]) -> Tensor:
    loss, _ = objective.loss_of(numbers, objective.totals_of(range(len(objective.rows))))
    return loss


def scores(model: RewardModel, answers: Sequence[str]) -> list[float]:
    """The reward of answers to one question, all in one batch."""
    records = [preference(0, text, "-") for text in answers]
    encoded = preferences_encoded(model.backbone.speech, records, max_length=400, left_out=LeftOut("comparison"))
    pairs = [
        PairTokens(0, ids(row.prompt_ids), ids(row.first_ids), ids(row.second_ids), np.zeros((1, 4))) for row in encoded
    ]
    layout = layout_of_pairs(pairs, "separate")
    with torch.no_grad():
        return [float(reward) for reward in model.scores(layout)[layout.pair_B2[:, 0]]]


# --- several questions -------------------------------------------------------


def with_brevity(rows: Sequence[PreferenceRecord], every: int = 1) -> list[PreferenceRecord]:
    """Rows of which every so-manyth was also judged for brevity, which the longer answer never has."""
    return [
        row.model_copy(
            update={
                "first": row.first.model_copy(update={"text": row.first.text + "!" * 6 * (number % 2)}),
                "second": row.second.model_copy(update={"text": row.second.text + "!" * 6 * (1 - number % 2)}),
                "criteria": {"brevity": CriterionVotes(prefer_first=float(1 - number % 2), weight=2)}
                if number % every == 0
                else {},
            }
        )
        for number, row in enumerate(rows)
    ]


def test_a_row_that_was_not_judged_on_a_criterion_does_not_move_its_head(base: Path, tmp_path: Path) -> None:
    snapshot = snapshot_of(tmp_path / "s", with_brevity(planted(6), every=3), "brevity")
    objective = objective_of(base, tmp_path, snapshot)
    head = objective.model.head_CED

    def pull(numbers: Sequence[int]) -> list[float]:
        (gradient_CED,) = torch.autograd.grad(loss_of(objective, numbers), head)
        return [float(gradient_ED.norm()) for gradient_ED in gradient_CED]

    judged, not_judged = pull([0, 3]), pull([1, 2, 4, 5])

    assert objective.rows.criteria == ["overall", "brevity"]
    assert min(judged) > 0
    assert not_judged[0] > 0
    assert not_judged[1] == 0


def test_each_criterion_is_learnt_and_told_with_the_rows_that_were_judged_on_it(
    base: Path, tmp_path: Path, listener: Listener
) -> None:
    rows = with_brevity(planted(64, holdout=32), every=2)

    report = listener.run(
        reward_request(tmp_path, base, snapshot_of(tmp_path / "s", rows, "brevity"), epochs=5, learning_rate=1e-2)
    )

    overall, brevity = report.estimates["accuracy"], report.estimates["accuracy/brevity"]
    assert (overall.n, brevity.n) == (32, 16)
    assert overall.value > 0.9
    assert brevity.value > 0.9
    assert reward_model_load(tmp_path / "reward", CPU).questions == ["overall", "brevity"]


# --- several heads -----------------------------------------------------------


def test_every_head_learns_from_its_own_draw_which_does_not_depend_on_the_batch(base: Path, tmp_path: Path) -> None:
    """How often a row counts for a head is drawn by its number: parts of a batch add up to it, in any order."""
    objective = objective_of(base, tmp_path, snapshot_save(tmp_path / "s", planted(12)), ensemble=4)
    head = objective.model.head_CED

    def pulls(numbers: Sequence[int]) -> Tensor:
        (gradient_CED,) = torch.autograd.grad(loss_of(objective, numbers), head)
        return gradient_CED[0]

    whole_ED, parts_ED = pulls(range(12)), pulls([9, 3, 7]) + pulls([11, 0, 1, 2, 4, 5, 6, 8, 10])
    learns = [[bool(pull_D.any()) for pull_D in pulls([row])] for row in range(12)]

    torch.testing.assert_close(whole_ED, parts_ED, rtol=1e-4, atol=1e-6)
    assert len({tuple(heads) for heads in zip(*learns, strict=True)}) == 4
    assert 0.4 < np.mean(learns) < 0.9  # of 48 Poisson draws, 63 percent are not zero


@pytest.fixture(scope="module")
def judged(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reward model with three heads per question."""
    folder = tmp_path_factory.mktemp("judged")
    snapshot = snapshot_save(folder / "snapshot", planted(48, holdout=16))
    Listener().run(reward_request(folder, base, snapshot, ensemble=3, epochs=3, learning_rate=1e-2))
    return folder


def test_heads_differ_and_their_spread_and_calibration_are_told(judged: Path) -> None:
    report = report_read(judged / "reward")
    head_CED = reward_model_load(judged / "reward", CPU).head_CED

    assert head_CED.shape == (1, 3, 32)
    assert float(torch.cdist(head_CED[0], head_CED[0]).fill_diagonal_(1).min()) > 0.1
    assert report.metrics["rewards/spread"] > 0
    assert 0 <= report.metrics["calibration/ece"] <= 1
    bins = report.tables["reliability"]
    assert sum(bin["n"] for bin in bins) == 16
    assert all(bin.keys() == {"low", "high", "n", "weight", "predicted", "observed"} for bin in bins)


@pytest.mark.slow
def test_a_new_process_gives_the_same_rewards(judged: Path) -> None:
    """Trap 29 (trl#1379, OpenRLHF#873, transformers#26160, peft#1070): a head that was not saved is drawn anew.

    Slow because the process must import everything.
    """
    answers = ["YES", "no", "Perhaps", "a" * 60]
    reader = (
        "import json, sys, torch; from pathlib import Path; from training.reward_model import reward_model_load\n"
        "from tests.training.test_reward_model import scores\n"
        "print(json.dumps(scores(reward_model_load(Path(sys.argv[1]), torch.device('cpu')), json.loads(sys.argv[2]))))"
    )

    command = [sys.executable, "-W", "ignore", "-c", reader, str(judged / "reward"), json.dumps(answers)]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    ours = scores(reward_model_load(judged / "reward", CPU), answers)
    assert json.loads(said) == pytest.approx(ours, abs=1e-6)
    assert len({round(reward, 3) for reward in ours}) == 4


# --- what is learnt beside who wins ------------------------------------------


def swayed_by_length(count: int) -> list[PreferenceRecord]:
    """People like capitals by 1.5 and each token more by 0.08 logits; length has nothing to do with capitals."""
    dice = random.Random(0)
    rows = []
    for number in range(count):
        likes, texts = [], []
        for _ in range(2):
            is_loud, length = dice.random() < 0.5, dice.randint(2, 30)
            text = "".join(dice.choice("abcdefgh") for _ in range(length))
            texts.append(text.upper() if is_loud else text)
            likes.append(1.5 * is_loud + 0.08 * length)
        prefer_first = 1 / (1 + math.exp(likes[1] - likes[0]))
        split = "train" if number % 4 else "holdout"
        rows.append(preference(number, *texts, prefer_first=prefer_first, weight=3, split=split))
    return rows


def test_length_control_leaves_the_sway_of_length_out_of_the_rewards_and_the_rest_in(tmp_path: Path) -> None:
    """Learned positions tell this base how long an answer is, so without control the reward takes part of it."""
    base = family(tmp_path / "base", "gpt2", {"vocab_size": 262, "n_embd": 32, "n_layer": 2, "n_head": 4})
    snapshot = snapshot_save(tmp_path / "s", swayed_by_length(96))
    lengths = range(4, 31, 3)
    found = {}
    for control in (False, True):
        name = f"reward-{control}"
        report = Listener().run(
            reward_request(tmp_path, base, snapshot, name, length_control=control, epochs=5, learning_rate=5e-3)
        )
        model = reward_model_load(tmp_path / name, CPU)
        quiet, loud = (np.array(scores(model, [letter * length for length in lengths])) for letter in ("c", "C"))
        per_token = float(np.polyfit(lengths, (quiet + loud) / 2, 1)[0])
        found[control] = float((loud - quiet).mean()), per_token, report.metrics["length/corr_reward"]

    loud_before, slope, correlation = found[False]
    loud_after, slope_left, correlation_left = found[True]
    assert slope > 0.02
    assert abs(slope_left) < slope / 2
    assert abs(correlation_left) < correlation / 2
    assert loud_after > 0.8 * loud_before > 0.5


@pytest.mark.parametrize("always", [False, True])
def test_length_control_begins_where_length_alone_explains_the_judgments(
    base: Path, tmp_path: Path, always: bool
) -> None:
    """There the slope of its loss is zero; its pull to zero gives it an end where the longer answer always wins."""
    records = [
        row.model_copy(update={"prefer_first": float(len(row.first.text) > len(row.second.text))}) if always else row
        for row in swayed_by_length(48)
    ]
    request = reward_request(
        tmp_path, base, snapshot_save(tmp_path / "s", records), length_control=True, max_steps=1, learning_rate=1e-9
    )

    Listener().run(request)

    (sway,) = reward_model_load(tmp_path / "reward", CPU).length_weight_C.tolist()
    train = [row for row in records if row.split == "train"]
    longer_R = np.array([len(row.first.text) - len(row.second.text) for row in train]) / LENGTH_UNIT
    prefer_R = np.array([row.prefer_first for row in train])
    slope = (3 * (1 / (1 + np.exp(-sway * longer_R)) - prefer_R) * longer_R).sum() + sway
    assert slope == pytest.approx(0, abs=1e-3)
    assert 0.3 < sway < (20 if always else 2)


def test_centring_costs_the_square_of_the_sum_of_both_rewards(base: Path, tmp_path: Path) -> None:
    snapshot = snapshot_save(tmp_path / "s", planted(6))
    plain, centred = (
        objective_of(base, tmp_path / str(center), snapshot, center_rewards_coefficient=center) for center in (0, 0.5)
    )
    done = plain.forward(range(6))

    costs = loss_of(centred, range(6)) - loss_of(plain, range(6))

    sums_B, weight_B = done.reward_B2CE[:, :, 0, 0].sum(1), done.weight_BC[:, 0]
    torch.testing.assert_close(costs, 0.5 * (weight_B * sums_B**2).sum() / weight_B.sum(), rtol=1e-4, atol=1e-6)


def test_centring_leaves_the_sway_of_length_alone(base: Path, tmp_path: Path) -> None:
    """Were the swayed rewards centred, the rewards themselves would fall with length to make up for it."""
    snapshot = snapshot_save(tmp_path / "s", swayed_by_length(8))
    plain, centred = (
        objective_of(base, tmp_path / str(center), snapshot, center_rewards_coefficient=center, length_control=True)
        for center in (0, 0.5)
    )

    def centring() -> Tensor:
        return loss_of(centred, range(8)) - loss_of(plain, range(8))

    before = centring()
    for objective in (plain, centred):
        objective.model.length_weight_C.data.fill_(2.0)

    torch.testing.assert_close(centring(), before, rtol=1e-3, atol=1e-5)


def test_clear_preferences_are_learnt_with_a_larger_lead_when_asked(base: Path, tmp_path: Path) -> None:
    snapshot = snapshot_save(tmp_path / "s", planted(48))
    leads = []
    for strength in ("ignore", "margin"):
        listener = Listener()
        listener.run(
            reward_request(
                tmp_path, base, snapshot, strength, strength=strength, strength_margin=3, epochs=3, learning_rate=1e-2
            )
        )
        leads.append(listener.curve("rewards/margins")[-1])

    assert leads[1] > leads[0] + 1


@pytest.mark.parametrize("ties", ["rao_kupper", "davidson"])
def test_a_tie_as_an_outcome_draws_equal_answers_together(base: Path, tmp_path: Path, ties: str) -> None:
    tied = [
        preference(100 + n, "abcd"[n % 4] * (n % 7 + 2), "efgh"[n % 3] * (n % 5 + 2), prefer_first=0.5).model_copy(
            update={"tie_share": 1.0}
        )
        for n in range(32)
    ]
    snapshot = snapshot_save(tmp_path / "s", [*planted(32), *tied])

    Listener().run(reward_request(tmp_path, base, snapshot, ties=ties, epochs=4, learning_rate=1e-2))

    model = reward_model_load(tmp_path / "reward", CPU)
    loud, quiet, other = scores(model, ["BDFH", "bdfh", "aceg"])
    assert loud - quiet > 2
    assert abs(quiet - other) < (loud - quiet) / 3
