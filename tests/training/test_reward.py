"""The reward model learns what people prefer, and says how sure it is."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.training.tiny import Listener, planted, reward_request, snapshot_save
from training.contract import checkpoint_verify


def test_a_planted_preference_reaches_more_than_95_percent(base: Path, tmp_path: Path, listener: Listener) -> None:
    snapshot = snapshot_save(tmp_path / "snapshot", planted(64, holdout=32))

    report = listener.run(reward_request(tmp_path, base, snapshot, epochs=4, learning_rate=1e-2))

    accuracy = report.estimates["accuracy"]
    assert accuracy.value > 0.95
    assert accuracy.n == 32


def test_split_votes_are_recovered_rather_than_forced(base: Path, tmp_path: Path, listener: Listener) -> None:
    """Three of four judges like capitals: the best possible loss is the entropy of 3/4, 0.562 nats."""
    rows = [row.model_copy(update={"prefer_first": 0.25 + 0.5 * row.prefer_first}) for row in planted(96, holdout=32)]

    report = listener.run(
        reward_request(tmp_path, base, snapshot_save(tmp_path / "s", rows), epochs=6, learning_rate=1e-2)
    )

    assert report.metrics["eval/loss"] == pytest.approx(0.562, abs=0.03)


def test_head_and_every_adapter_layer_move(base: Path, snapshot: Path, tmp_path: Path, listener: Listener) -> None:
    listener.run(reward_request(tmp_path, base, snapshot, max_steps=2))

    adapter = load_file(tmp_path / "reward" / "adapter_model.safetensors")
    assert all(float(tensor.norm()) > 0 for name, tensor in adapter.items() if "lora_B" in name)
    assert checkpoint_verify(tmp_path / "reward").kind == "reward"


def test_two_runs_of_one_request_are_equal_bit_for_bit(base: Path, snapshot: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        Listener().run(reward_request(tmp_path, base, snapshot, name))

    heads = [load_file(tmp_path / name / "reward_head.safetensors")["weight"] for name in ("one", "two")]
    assert torch.equal(*heads)
