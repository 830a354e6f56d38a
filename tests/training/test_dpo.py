"""DPO as people rely on it: it learns, from its parent, and the same way however it is cut up."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.training.tiny import Listener, dpo_request, planted, preference, prompts_save, snapshot_save
from training.contract import PolicyRef, checkpoint_verify, file_sha256
from training.errors import DidNotConverge, NothingToLearn, RequestInvalid
from training.models import policy_load

LN2 = math.log(2)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "adapter_model.safetensors")


def test_a_planted_preference_reaches_more_than_95_percent(base: Path, tmp_path: Path, listener: Listener) -> None:
    snapshot = snapshot_save(tmp_path / "snapshot", planted(64, holdout=32))

    report = listener.run(dpo_request(tmp_path, base, snapshot, epochs=4, learning_rate=1e-2))

    accuracy = report.estimates["accuracy"]
    assert accuracy.value > 0.95
    assert accuracy.n == 32
    assert accuracy.low < accuracy.value <= accuracy.high
    assert report.metrics["rewards/margins"] > 0


def test_shuffled_labels_teach_nothing(base: Path, tmp_path: Path, listener: Listener) -> None:
    """A control: if this were far from one half, the answer would leak into the held-out rows."""
    rows = planted(64, holdout=32)
    shuffled = [row.model_copy(update={"prefer_first": float(n % 2)}) for n, row in enumerate(rows)]

    report = listener.run(dpo_request(tmp_path, base, snapshot_save(tmp_path / "s", shuffled), epochs=2))

    assert 0.2 < report.estimates["accuracy"].value < 0.8


def test_the_first_look_costs_ln_2_with_rewards_of_zero(
    base: Path, snapshot: Path, tmp_path: Path, listener: Listener
) -> None:
    listener.run(dpo_request(tmp_path, base, snapshot, max_steps=1))

    assert listener.curve("eval/loss")[0] == pytest.approx(LN2, abs=1e-6)
    assert listener.curve("train/loss")[0] == pytest.approx(LN2, abs=1e-6)
    assert listener.curve("rewards/chosen")[0] == pytest.approx(0, abs=1e-5)
    assert listener.curve("rewards/rejected")[0] == pytest.approx(0, abs=1e-5)


def test_the_reference_is_the_parent_with_its_adapter_and_not_the_bare_base(
    base: Path, snapshot: Path, tmp_path: Path, listener: Listener
) -> None:
    listener.run(dpo_request(tmp_path, base, snapshot, "parent", epochs=2, learning_rate=1e-2))
    parent_logps = listener.curve("logps/chosen")
    before = file_sha256(tmp_path / "parent" / "adapter_model.safetensors")

    child = Listener()
    child.run(dpo_request(tmp_path, base, snapshot, "child", adapter=tmp_path / "parent", learning_rate=1e-2))

    assert child.curve("train/loss")[0] == pytest.approx(LN2, abs=1e-5)
    assert child.curve("rewards/chosen")[0] == pytest.approx(0, abs=1e-4)
    assert child.curve("logps/chosen")[0] != pytest.approx(parent_logps[0], abs=0.1)
    assert file_sha256(tmp_path / "parent" / "adapter_model.safetensors") == before
    assert checkpoint_verify(tmp_path / "child").parent_sha256 == file_sha256(tmp_path / "parent" / "manifest.json")


def test_a_child_is_one_adapter_over_the_same_base(
    base: Path, snapshot: Path, tmp_path: Path, listener: Listener
) -> None:
    listener.run(dpo_request(tmp_path, base, snapshot, "parent", learning_rate=1e-2))
    listener.run(
        dpo_request(tmp_path, base, snapshot, "child", adapter=tmp_path / "parent", lora_rank=2, learning_rate=1e-2)
    )

    assert weights(tmp_path / "child").keys() == weights(tmp_path / "parent").keys()
    assert checkpoint_verify(tmp_path / "child").base_model == str(base)
    assert listener.notes() == ["The parent's adapter has rank 4, and is continued so."]


@pytest.mark.parametrize("micro_batch_size", [1, 2, 3])
def test_micro_batches_train_as_the_whole_batch_does(
    base: Path, snapshot: Path, tmp_path: Path, micro_batch_size: int
) -> None:
    """48 rows in batches of 10 end in a short one, and the weights of the rows differ."""
    shape = {"batch_size": 10, "learning_rate": 1e-3}
    whole, parts = Listener(), Listener()
    whole.run(dpo_request(tmp_path, base, snapshot, "whole", **shape))
    parts.run(dpo_request(tmp_path, base, snapshot, "parts", micro_batch_size=micro_batch_size, **shape))

    assert parts.curve("train/loss") == pytest.approx(whole.curve("train/loss"), rel=1e-4)
    assert parts.curve("grad_norm") == pytest.approx(whole.curve("grad_norm"), rel=1e-3)


def test_kto_takes_its_kl_from_the_whole_step_however_it_is_cut(base: Path, snapshot: Path, tmp_path: Path) -> None:
    whole, parts = Listener(), Listener()
    shape = {"loss": "kto", "batch_size": 12, "learning_rate": 1e-2}
    whole.run(dpo_request(tmp_path, base, snapshot, "whole", **shape))
    parts.run(dpo_request(tmp_path, base, snapshot, "parts", micro_batch_size=2, **shape))

    assert parts.curve("train/loss") == pytest.approx(whole.curve("train/loss"), rel=1e-4)
    assert parts.curve("grad_norm") == pytest.approx(whole.curve("grad_norm"), rel=1e-3)


def test_two_runs_of_one_request_are_equal_bit_for_bit(base: Path, snapshot: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        Listener().run(dpo_request(tmp_path, base, snapshot, name))

    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_swapping_the_sides_of_every_row_mirrors_the_run(base: Path, tmp_path: Path) -> None:
    rows = planted(24, holdout=8)
    swapped = [
        row.model_copy(update={"first": row.second, "second": row.first, "prefer_first": 1 - row.prefer_first})
        for row in rows
    ]
    plain, mirrored = Listener(), Listener()
    plain.run(dpo_request(tmp_path, base, snapshot_save(tmp_path / "a", rows), "plain"))
    mirrored.run(dpo_request(tmp_path, base, snapshot_save(tmp_path / "b", swapped), "mirrored"))

    for name in ("train/loss", "rewards/margins", "eval/loss"):
        assert mirrored.curve(name) == pytest.approx(plain.curve(name), rel=1e-4, abs=1e-5)


def test_a_tie_pulls_to_neither_side(base: Path, tmp_path: Path, listener: Listener) -> None:
    """At the start D = 0 and the gradient is w (s(0) - 1/2) = 0, whichever side is called first."""
    rows = [preference(n, "yes " * n, "no", prefer_first=0.5) for n in range(1, 5)]

    listener.run(dpo_request(tmp_path, base, snapshot_save(tmp_path / "ties", rows), epochs=1))

    assert listener.curve("grad_norm")[0] == pytest.approx(0, abs=1e-5)
    assert listener.curve("rewards/chosen") == []


def test_without_held_out_rows_the_accuracy_is_said_to_be_unknown(
    base: Path, tmp_path: Path, listener: Listener
) -> None:
    report = listener.run(dpo_request(tmp_path, base, snapshot_save(tmp_path / "s", planted(8))))

    accuracy = report.estimates["accuracy"]
    assert (accuracy.n, accuracy.low, accuracy.high) == (0, 0.0, 1.0)
    assert "No held-out comparison is decided, so the accuracy is unknown." in report.notes


def test_rows_left_out_are_in_the_report_and_in_the_events(base: Path, tmp_path: Path, listener: Listener) -> None:
    rows = [*planted(8), preference(8, "x" * 100, "y")]

    report = listener.run(dpo_request(tmp_path, base, snapshot_save(tmp_path / "s", rows), max_length=60))

    assert "1 comparison left out: longer than 60 tokens." in report.notes
    assert listener.notes() == report.notes
    assert report.metrics["rows/train"] == 8


def test_nothing_to_learn_is_a_sentence(base: Path, tmp_path: Path, listener: Listener) -> None:
    snapshot = snapshot_save(tmp_path / "s", [preference(0, "a", "b", split="holdout")])

    with pytest.raises(NothingToLearn, match="leaves no comparison to train on"):
        listener.run(dpo_request(tmp_path, base, snapshot))


def test_a_loss_that_is_not_a_number_stops_the_run_and_leaves_no_folder(
    base: Path, tmp_path: Path, listener: Listener
) -> None:
    """Weights so small that dividing by their sum is no number any more."""
    rows = [row.model_copy(update={"weight": 1e-310}) for row in planted(8)]

    with pytest.raises(DidNotConverge, match="stopped being a number at step 1 "):
        listener.run(dpo_request(tmp_path, base, snapshot_save(tmp_path / "s", rows)))
    assert not (tmp_path / "dpo").exists()


def test_a_second_delivery_reports_the_first(base: Path, snapshot: Path, tmp_path: Path, listener: Listener) -> None:
    request = dpo_request(tmp_path, base, snapshot)
    first = listener.run(request)

    again = Listener()

    assert again.run(request) == first
    assert again.events == []


def test_a_folder_that_is_something_else_is_not_overwritten(
    base: Path, snapshot: Path, tmp_path: Path, listener: Listener
) -> None:
    prompts_save(tmp_path / "prompts.jsonl")
    (tmp_path / "dpo").mkdir()
    (tmp_path / "dpo" / "thesis.txt").write_text("mine")

    with pytest.raises(RequestInvalid, match="is not a finished run"):
        listener.run(dpo_request(tmp_path, base, snapshot))
    assert (tmp_path / "dpo" / "thesis.txt").read_text() == "mine"


def test_training_all_weights_leaves_a_base_model(
    base: Path, snapshot: Path, tmp_path: Path, listener: Listener
) -> None:
    listener.run(dpo_request(tmp_path, base, snapshot, lora_rank=0, learning_rate=1e-3))

    child = policy_load(PolicyRef(label="child", base_model=str(tmp_path / "dpo")), torch.device("cpu"))
    assert not child.has_adapter
    assert checkpoint_verify(tmp_path / "dpo").weights == "full"
