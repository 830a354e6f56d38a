"""Threads look for each other where nobody else needs the cores, and sleep where somebody does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from training import threads

IDLE = "cpu  100 0 50 9000 10 0 0 0 0 0\n"


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)


def test_on_idle_cores_threads_look_for_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stat").write_text(IDLE)
    monkeypatch.setattr(threads, "STAT", tmp_path / "stat")

    assert threads.waiting() == {"GOMP_SPINCOUNT": threads.TURNS}


def test_beside_a_busy_program_they_sleep() -> None:
    """A real one, on every core, so that it is seen whatever else runs here."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)]
    try:
        chosen = threads.waiting()
    finally:
        for program in busy:
            program.kill()
            program.wait()

    assert chosen == {"OMP_WAIT_POLICY": "PASSIVE"}


def test_a_system_that_does_not_tell_counts_as_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "STAT", tmp_path / "none")

    assert threads.waiting() == {"OMP_WAIT_POLICY": "PASSIVE"}


def test_what_an_operator_has_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")

    assert threads.waiting() == {}
