"""The launcher as people meet it: its one-line refusals, and one whole life."""

import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.embedded import wait_for
from deploy.instance import claim
from tests.instances import ROOT, Instance, environment, free_port


@pytest.fixture
def home() -> Iterator[Path]:
    """A data folder that the account of Postgres may enter, which pytest's own temporary folder is not."""
    with tempfile.TemporaryDirectory(prefix="tiebreak-up-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


# --- refusals --------------------------------------------------------------------------------------------------


def refusal(home: Path, port: int, **more: str) -> str:
    """What the launcher says when it does not start: one line on standard error, exit status 1."""
    up = subprocess.run(
        [sys.executable, "-m", "deploy.up"],
        cwd=ROOT,
        env=environment(home, port, **more),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert up.returncode == 1, up.stdout + up.stderr
    assert up.stderr.count("\n") == 1, up.stderr
    return up.stderr


def test_a_busy_port_is_named_with_the_way_out(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        said = refusal(home, port)

    assert f"port {port}" in said
    assert f"TIEBREAK_PORT={port + 1} make up" in said


def test_a_data_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")

    said = refusal(tmp_path / "file" / "home", free_port())

    assert str(tmp_path / "file" / "home") in said
    assert "TIEBREAK_HOME=/some/where make up" in said


@pytest.mark.skipif(os.geteuid() != 0, reason="Postgres changes the account only when started by root")
def test_a_private_data_folder_is_named_when_postgres_cannot_enter_it(home: Path) -> None:
    (home / "private").mkdir(mode=0o700)

    said = refusal(home / "private" / "home", free_port())

    assert str(home / "private" / "home") in said
    assert "TIEBREAK_HOME=/some/where make up" in said


def test_a_database_that_does_not_answer_is_named(home: Path) -> None:
    said = refusal(home, free_port(), DATABASE_URL=f"postgresql://me@127.0.0.1:{free_port()}/tiebreak")

    assert "the database in DATABASE_URL does not answer" in said


def test_a_broker_that_does_not_answer_is_named(home: Path) -> None:
    said = refusal(home, free_port(), CELERY_BROKER_URL=f"redis://127.0.0.1:{free_port()}/0")

    assert "the broker in CELERY_BROKER_URL does not answer" in said


def test_a_misspelt_boolean_is_named(home: Path) -> None:
    assert "TIEBREAK_SECURE='ture'" in refusal(home, free_port(), TIEBREAK_SECURE="ture")


def test_a_second_instance_in_the_same_folder_is_refused(home: Path) -> None:
    with claim(home):
        said = refusal(home, free_port())

    assert f"another instance (process {os.getpid()}) already runs in {home}" in said


def test_an_old_python_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    old = tmp_path / "python3.9"
    old.write_text("#!/bin/sh\n[ \"$1\" = --version ] && echo 'Python 3.9.2' || exit 1\n")
    old.chmod(old.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "requirements.txt").touch()

    setup = subprocess.run(
        ["/bin/sh", str(ROOT / "deploy" / "setup.sh"), "requirements.txt"],
        cwd=tmp_path,
        env=os.environ | {"PYTHON": str(old)},
        capture_output=True,
        text=True,
    )

    assert setup.returncode == 1
    assert "is Python 3.9.2, and Tiebreak needs 3.11 or newer" in setup.stderr
    assert not (tmp_path / ".venv").exists()


# --- one life --------------------------------------------------------------------------------------------------


@pytest.fixture
def instance(home: Path) -> Iterator[Instance]:
    (home / "seeded").touch()  # the demo has its own tests
    instance = Instance(home, free_port())
    yield instance
    if instance.launcher.poll() is None:
        instance.stop(signal.SIGTERM)


@pytest.mark.slow
def test_an_instance_survives_kills_stops_whole_and_goes_on(instance: Instance) -> None:
    """Slow, because three starts of every process are what it is about."""
    instance.wait_until_ready()
    with instance.database() as connection:
        connection.execute("CREATE TABLE keepsake AS SELECT 7 AS number")

    web, worker = instance.process("granian"), instance.process("celery", "train")
    for victim in (web, worker):
        victim.kill()
    wait_for(lambda: not web.is_running() and not worker.is_running(), seconds=10, what="both to die")
    assert instance.process("granian") != web
    assert instance.process("celery", "train") != worker
    instance.wait_until_ready()

    everybody = instance.processes()
    assert instance.stop(signal.SIGINT) == 0
    wait_for(lambda: not any(process.is_running() for process in everybody), seconds=5, what="everybody's end")
    assert not (instance.home / "instance.json").exists()

    again = Instance(instance.home, instance.port)
    try:
        again.wait_until_ready()
        with again.database() as connection:
            assert connection.execute("SELECT number FROM keepsake").fetchone() == (7,)
    finally:
        again.stop(signal.SIGHUP)
