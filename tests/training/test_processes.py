"""Several processes train as one does, and live and die together. Real processes, so most tests here are slow."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from annotator.engine import engine_start
from annotator.exceptions import ChildKilled, EngineFailed
from tests.training.tiny import ROOT, dpo_request, planted, snapshot_save
from training.__main__ import run
from training.contract import EVENT, AnyEvent, AnyRequest, Failed, Finished, Metrics, Note, Started

# Stands in for the memory of one GPU that is too small: the second process fails in the middle of a step.
FAILS_ALONE = """
import sys
from training import __main__ as engine, loop, processes
from training.errors import OutOfMemory

whole = loop.gradients_add

def gradients_add(*arguments):
    if processes.rank() == 1:
        raise OutOfMemory("Memory does not hold one row of 99 tokens.")
    return whole(*arguments)

loop.gradients_add = gradients_add
sys.exit(engine.main())
"""


def group_run(command: list[str], count: int = 2) -> tuple[int, list[AnyEvent], str]:
    """Exit status, events and log of a group of engines."""
    launcher = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", str(count), "--num_machines", "1"]
    settings = ["--main_process_port", "0", "--mixed_precision", "no", "--dynamo_backend", "no"]
    done = subprocess.run(
        [sys.executable, *launcher, *settings, *command],
        cwd=ROOT,
        env={**os.environ, "TIEBREAK_THREADS": "1", "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    return done.returncode, [EVENT.validate_json(line) for line in done.stdout.splitlines()], done.stderr


def saved(request: AnyRequest, folder: Path) -> Path:
    file = folder / f"{Path(request.out_dir).name}.json"
    file.write_text(request.model_dump_json())
    return file


def train(request: AnyRequest, folder: Path, count: int) -> list[AnyEvent]:
    """The events of a run in so many processes."""
    if count == 1:  # this one, which has loaded torch already
        events: list[AnyEvent] = []
        run(request, events.append)
        return events
    status, events, log = group_run(["-m", "training", request.kind, "--request", str(saved(request, folder))], count)
    assert status == 0, log
    return events


def curve(events: list[AnyEvent], name: str) -> list[float]:
    return [event.values[name] for event in events if isinstance(event, Metrics) and name in event.values]


def alive(pid: int) -> bool:
    """Whether a process still runs; one that ended and nobody has waited for is a zombie, which does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def engines_of(folder: Path) -> list[int]:
    """The processes that work on the request in `folder`, the launcher among them."""
    wanted = str(folder / "request.json").encode()
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and wanted in _command_line(entry) and alive(int(entry.name))
    ]


def _command_line(entry: Path) -> bytes:
    try:
        return (entry / "cmdline").read_bytes()
    except OSError:
        return b""


def wait_until_gone(folder: Path, seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while left := engines_of(folder):
        assert time.monotonic() < until, f"still there: {left}"
        time.sleep(0.1)


def at_step(events: Iterator[AnyEvent | None], step: int) -> None:
    for event in events:
        if isinstance(event, Metrics) and event.step >= step:
            return
    raise AssertionError(f"the engine ended before step {step}")


@pytest.mark.slow
def test_two_processes_train_as_one_does(base: Path, tmp_path: Path) -> None:
    """Slow because two processes load torch. Rows are dealt by length and batches are odd, so shares differ."""
    snapshot = snapshot_save(tmp_path / "snapshot", planted(31, holdout=8))
    shape = {"epochs": 2, "batch_size": 5, "learning_rate": 1e-3}

    one = train(dpo_request(tmp_path, base, snapshot, "one", **shape), tmp_path, 1)
    two = train(dpo_request(tmp_path, base, snapshot, "two", **shape), tmp_path, 2)

    for name in ("train/loss", "grad_norm", "eval/loss", "rewards/margins"):
        assert curve(two, name) == pytest.approx(curve(one, name), abs=1e-5, rel=1e-4), name
    assert len([event for event in two if isinstance(event, Finished)]) == 1
    ours, theirs = (load_file(tmp_path / name / "adapter_model.safetensors") for name in ("one", "two"))
    assert all(torch.allclose(ours[key], theirs[key], atol=1e-5) for key in ours)
    assert not (tmp_path / "two-work").exists()


@pytest.mark.slow
def test_a_killed_group_goes_on_where_it_was_saved(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slow because two groups of processes load torch. With dropout, so that each process needs its own dice back."""
    monkeypatch.setenv("TIEBREAK_PROCESSES", "2")
    snapshot = snapshot_save(tmp_path / "snapshot", planted(48, holdout=8))
    shape = {"epochs": 2, "batch_size": 4, "save_every": 3, "lora_dropout": 0.1, "learning_rate": 1e-2}
    straight = train(dpo_request(tmp_path, base, snapshot, "straight", **shape), tmp_path, 2)
    request = dpo_request(tmp_path, base, snapshot, "killed", **shape)

    with engine_start(request, tmp_path) as events:
        at_step(events, 8)
        for pid in engines_of(tmp_path):
            os.kill(pid, signal.SIGKILL)
    with engine_start(request, tmp_path) as events:
        resumed = [event for event in events if event is not None]

    (started,) = [event for event in resumed if isinstance(event, Started)]
    assert started.resumed_from >= 6
    after = len(curve(resumed, "train/loss"))
    assert curve(resumed, "train/loss") == curve(straight, "train/loss")[-after:]
    killed, whole = (load_file(tmp_path / name / "adapter_model.safetensors") for name in ("killed", "straight"))
    assert all(torch.equal(killed[key], whole[key]) for key in whole)


@pytest.mark.slow
def test_when_one_process_fails_all_end_with_its_reason(base: Path, snapshot: Path, tmp_path: Path) -> None:
    """Slow because two processes load torch. The first one, which reports, only sees that the other is gone."""
    script = tmp_path / "fails_alone.py"
    script.write_text(FAILS_ALONE)
    request = saved(dpo_request(tmp_path, base, snapshot), tmp_path)

    status, events, log = group_run([str(script), "dpo", "--request", str(request)])

    assert status == 1
    assert events[-1] == Failed(error="OutOfMemory", message="Memory does not hold one row of 99 tokens."), log
    assert not (tmp_path / "dpo").exists()


@pytest.mark.slow
def test_cancelling_takes_down_every_process(
    base: Path, snapshot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slow because two processes load torch and must be told to stop."""
    monkeypatch.setenv("TIEBREAK_PROCESSES", "2")

    with engine_start(dpo_request(tmp_path, base, snapshot, epochs=100), tmp_path) as events:
        at_step(events, 2)
        assert len(engines_of(tmp_path)) == 3

    wait_until_gone(tmp_path)
    assert not (tmp_path / "dpo").exists()


@pytest.mark.slow
def test_killing_the_launcher_takes_down_every_process(
    base: Path, snapshot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slow as above. A launcher that is killed cannot tell its engines; they see that nobody holds their stdin."""
    monkeypatch.setenv("TIEBREAK_PROCESSES", "2")

    with engine_start(dpo_request(tmp_path, base, snapshot, epochs=100), tmp_path) as events:
        at_step(events, 2)
        launcher = min(engines_of(tmp_path))
        os.kill(launcher, signal.SIGKILL)

    wait_until_gone(tmp_path)


@pytest.mark.slow
def test_a_process_killed_from_outside_is_no_failure_of_the_run(
    base: Path, snapshot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slow as above. The app starts such a run again, and it goes on from its last saved step."""
    monkeypatch.setenv("TIEBREAK_PROCESSES", "2")

    with engine_start(dpo_request(tmp_path, base, snapshot, epochs=100), tmp_path) as events:
        at_step(events, 2)
        os.kill(max(engines_of(tmp_path)), signal.SIGKILL)
        with pytest.raises(ChildKilled, match="was ended from outside"):
            list(events)

    wait_until_gone(tmp_path)


@pytest.mark.parametrize("wanted", ["two", "0", "-1", "1.5", "", "²"])
def test_a_number_of_processes_that_is_none_is_refused(
    base: Path, snapshot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    monkeypatch.setenv("TIEBREAK_PROCESSES", wanted)

    with (
        pytest.raises(EngineFailed, match="TIEBREAK_PROCESSES must be a whole number from 1 on"),
        engine_start(dpo_request(tmp_path, base, snapshot), tmp_path),
    ):
        pass


@pytest.mark.slow
def test_weights_spread_over_two_processes_train_as_whole_ones_do(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slow because two processes load torch. All weights are trained; what is saved is whole, best and last."""
    monkeypatch.setenv("TIEBREAK_SHARD", "1")
    snapshot = snapshot_save(tmp_path / "snapshot", planted(31, holdout=8))
    shape = {"epochs": 2, "batch_size": 5, "learning_rate": 1e-3, "lora_rank": 0, "micro_batch_size": 2}

    one = train(dpo_request(tmp_path, base, snapshot, "one", **shape), tmp_path, 1)
    two = train(dpo_request(tmp_path, base, snapshot, "two", **shape), tmp_path, 2)

    assert "The weights are spread over 2 processes." in [event.sentence for event in two if isinstance(event, Note)]
    for name in ("train/loss", "grad_norm", "eval/loss", "rewards/margins"):
        assert curve(two, name) == pytest.approx(curve(one, name), abs=1e-5, rel=1e-4), name
    ours, theirs = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    assert ours.keys() == theirs.keys()
    assert all(torch.allclose(ours[key], theirs[key], atol=1e-5) for key in ours)
