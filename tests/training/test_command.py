"""The command line as the app meets it: events on stdout, a sentence when it fails, no life of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.training.tiny import ROOT, dpo_request, engine_start, wait_for_step
from training.contract import EVENT, Failed

FORBIDDEN = {"django", "celery", "annotator", "config", "psycopg"}


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "training", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def failure(done: subprocess.CompletedProcess[str]) -> Failed:
    (line,) = done.stdout.splitlines()
    event = EVENT.validate_json(line)
    assert isinstance(event, Failed)
    return event


def test_a_request_that_cannot_be_read_fails_with_the_field(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text('{"kind":"dpo","out_dir":"o","work_dir":"w","snapshot_dir":"s"}')

    done = command("dpo", "--request", str(tmp_path / "r.json"))

    assert done.returncode == 1
    assert failure(done).error == "RequestInvalid"
    assert "parent: Field required" in failure(done).message


def test_a_request_of_another_kind_is_refused(base: Path, snapshot: Path, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(dpo_request(tmp_path, base, snapshot).model_dump_json())

    done = command("reward", "--request", str(tmp_path / "r.json"))

    assert failure(done).message.endswith("asks for dpo, not for reward.")


@pytest.mark.slow
def test_a_run_streams_events_and_nothing_else(base: Path, snapshot: Path, tmp_path: Path) -> None:
    """Slow because it is a whole run in a process of its own."""
    engine = engine_start(dpo_request(tmp_path, base, snapshot, max_steps=2), tmp_path)

    stdout, stderr = engine.communicate()

    kinds = [EVENT.validate_json(line).event for line in stdout.splitlines()]
    assert engine.returncode == 0, stderr
    assert kinds[0] == "stage"
    assert kinds[-1] == "finished"
    assert kinds.count("started") == 1


@pytest.mark.slow
def test_the_engine_dies_with_whoever_started_it(base: Path, snapshot: Path, tmp_path: Path) -> None:
    """Slow because a real process must be started. A closed stdin is how it learns that its parent is gone."""
    request = dpo_request(tmp_path, base, snapshot, epochs=100)
    with engine_start(request, tmp_path, TIEBREAK_WATCH_STDIN="1") as engine:
        wait_for_step(engine, 1)

        assert engine.stdin is not None
        engine.stdin.close()

        assert engine.wait(timeout=20) == 1
    assert not (tmp_path / "dpo").exists()


@pytest.mark.slow
def test_no_recipe_imports_the_web_app() -> None:
    """Slow because it imports everything afresh."""
    recipes = ("sft", "reward", "dpo", "generate", "evaluate", "score", "merge", "push")
    code = f"import sys, {', '.join(f'training.{recipe}' for recipe in recipes)}; print(*sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert {name.split(".")[0] for name in done.stdout.split()} & FORBIDDEN == set()


def test_the_seam_stays_light() -> None:
    """The web app imports the contract; torch must not come with it."""
    code = "import sys, training.contract, training.config, training.errors; print(*sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert {name.split(".")[0] for name in done.stdout.split()} & (FORBIDDEN | {"torch", "transformers"}) == set()
