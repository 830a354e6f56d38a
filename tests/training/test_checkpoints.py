"""A killed run continues where it was saved; a finished one is whole or absent."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.training.tiny import (
    Listener,
    dpo_request,
    engine_start,
    planted,
    reward_request,
    snapshot_save,
    wait_for_step,
)
from training.checkpoints import STATE, request_digest
from training.contract import checkpoint_verify
from training.errors import CheckpointIncomplete

FILES_OF_AN_ADAPTER = {
    "adapter_config.json", "adapter_model.safetensors", "chat_template.jinja", "manifest.json", "report.json",
    "tokenizer.json", "tokenizer_config.json",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["dpo", "reward"])
def test_a_run_killed_at_any_moment_ends_as_if_it_never_was(base: Path, tmp_path: Path, kind: str) -> None:
    """Slow because a real process must be started and killed; adapters, head and curve are equal bit for bit."""
    make = dpo_request if kind == "dpo" else reward_request
    snapshot = snapshot_save(tmp_path / "snapshot", planted(48, holdout=8))
    settings = {"epochs": 2, "batch_size": 4, "save_every": 3, "lora_dropout": 0.1, "learning_rate": 1e-2}
    straight = Listener()
    straight.run(make(tmp_path, base, snapshot, "straight", **settings))

    engine = engine_start(make(tmp_path, base, snapshot, "killed", **settings), tmp_path)
    wait_for_step(engine, 8)
    engine.kill()
    engine.communicate()
    resumed = Listener()
    resumed.run(make(tmp_path, base, snapshot, "killed", **settings))

    (started,) = [event for event in resumed.events if event.event == "started"]
    assert started.resumed_from >= 6
    after = started.resumed_from - len(straight.curve("train/loss"))
    assert resumed.curve("train/loss") == straight.curve("train/loss")[after:]
    for name in ("adapter_model.safetensors", *(["reward_head.safetensors"] if kind == "reward" else [])):
        killed, whole = load_file(tmp_path / "killed" / name), load_file(tmp_path / "straight" / name)
        assert all(torch.equal(killed[key], whole[key]) for key in whole)


def interrupted(tmp_path: Path, base: Path, snapshot: Path, learning_rate: float = 1e-3) -> Path:
    """The work folder of a run that stopped after saving its state."""

    class Stop(Exception):
        pass

    def stop(event: object) -> None:
        if getattr(event, "step", 0) >= 4:
            raise Stop

    from training.__main__ import run

    request = dpo_request(tmp_path, base, snapshot, batch_size=8, save_every=2, learning_rate=learning_rate)
    with pytest.raises(Stop):
        run(request, stop)
    return Path(request.work_dir)


def test_the_reference_is_read_back_and_never_asked_of_trained_weights(
    base: Path, snapshot: Path, tmp_path: Path, listener: Listener
) -> None:
    work = interrupted(tmp_path, base, snapshot, learning_rate=1e-2)
    before = np.fromfile(work / "reference.bin", np.float64)

    listener.run(dpo_request(tmp_path, base, snapshot, batch_size=8, save_every=2, learning_rate=1e-2))

    fresh = Listener()
    fresh.run(dpo_request(tmp_path, base, snapshot, "fresh", batch_size=8, save_every=2, learning_rate=1e-2))
    assert before.size == 64 * 2
    assert before.all()
    assert listener.curve("eval/loss")[-1] == fresh.curve("eval/loss")[-1]


def test_a_state_of_another_request_is_not_continued(
    base: Path, snapshot: Path, tmp_path: Path, listener: Listener
) -> None:
    interrupted(tmp_path, base, snapshot, learning_rate=1e-2)

    listener.run(dpo_request(tmp_path, base, snapshot, batch_size=8, save_every=2, learning_rate=2e-2))

    (started,) = [event for event in listener.events if event.event == "started"]
    assert started.resumed_from == 0


def test_a_state_half_written_is_never_read(base: Path, snapshot: Path, tmp_path: Path, listener: Listener) -> None:
    """A kill while the state is written leaves the partial file beside the whole one of two steps before."""
    work = interrupted(tmp_path, base, snapshot)
    (work / f".partial-{STATE}").write_bytes(b"half")

    listener.run(dpo_request(tmp_path, base, snapshot, batch_size=8, save_every=2))

    (started,) = [event for event in listener.events if event.event == "started"]
    assert started.resumed_from == 2


def test_a_finished_run_leaves_a_whole_folder_and_no_state(
    base: Path, snapshot: Path, tmp_path: Path, listener: Listener
) -> None:
    """A kill while the folder was written left a hidden one beside it; the next writer removes it."""
    (tmp_path / ".partial-dpo-abc").mkdir()

    listener.run(dpo_request(tmp_path, base, snapshot))

    assert {file.name for file in (tmp_path / "dpo").iterdir()} == FILES_OF_AN_ADAPTER
    assert not list(tmp_path.glob(".partial-*"))
    assert not (tmp_path / "dpo-work").exists()
    assert (tmp_path / "dpo" / "adapter_model.safetensors").stat().st_mode & 0o777 == 0o644


def test_the_manifest_says_what_was_asked_and_of_what(
    base: Path, snapshot: Path, tmp_path: Path, listener: Listener
) -> None:
    report = listener.run(dpo_request(tmp_path, base, snapshot, beta=0.2))

    manifest = checkpoint_verify(tmp_path / "dpo")
    assert manifest.request["settings"]["beta"] == 0.2
    assert manifest.report == report
    assert manifest.snapshot_sha256
    assert report.versions["torch"] == torch.__version__
    assert json.loads((tmp_path / "dpo" / "report.json").read_text())["kind"] == "dpo"


def test_a_damaged_parent_is_refused(base: Path, snapshot: Path, tmp_path: Path, listener: Listener) -> None:
    listener.run(dpo_request(tmp_path, base, snapshot, "parent"))
    with (tmp_path / "parent" / "adapter_model.safetensors").open("ab") as file:
        file.write(b"x")

    with pytest.raises(CheckpointIncomplete, match=r"adapter_model.safetensors differ from the manifest"):
        listener.run(dpo_request(tmp_path, base, snapshot, "child", adapter=tmp_path / "parent"))


def test_a_state_is_continued_wherever_the_run_writes_and_keeps(base: Path, tmp_path: Path) -> None:
    asked = dpo_request(tmp_path, base, tmp_path / "snapshot")
    elsewhere = {"out_dir": "/elsewhere/out", "work_dir": "/elsewhere/work", "cache_dir": "/elsewhere/cache"}

    assert request_digest(asked.model_copy(update=elsewhere)) == request_digest(asked)
    assert request_digest(asked.model_copy(update={"seed": 1})) != request_digest(asked)


@pytest.mark.slow
def test_a_cancelled_run_ends_quickly_and_leaves_nothing_half(base: Path, snapshot: Path, tmp_path: Path) -> None:
    """Slow because a real process must be started and told to stop."""
    engine = engine_start(dpo_request(tmp_path, base, snapshot, epochs=100), tmp_path)
    wait_for_step(engine, 2)

    engine.send_signal(signal.SIGTERM)
    engine.communicate(timeout=20)

    assert engine.returncode == 143
    assert not (tmp_path / "dpo").exists()
    assert not list(tmp_path.glob(".partial-*"))
