"""The keeper's promises, each with a real process."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from deploy import keep
from deploy.embedded import wait_for
from deploy.keep import Kept

# Notes its process id on a line of its own, then waits for a signal.
CHILD = "import os, signal, sys; open(sys.argv[1], 'a').write(f'{os.getpid()}\\n'); signal.pause()"


class Watched:
    """A keeper under test and the process ids of its children so far."""

    def __init__(self, folder: Path, launcher: int, command: list[str] | None = None) -> None:
        self.pids = folder / "pids"
        kept = Kept(
            name="child",
            command=command or [sys.executable, "-c", CHILD, str(self.pids)],
            folder=str(folder),
            launcher=launcher,
            lock=str(folder / "lock"),
            log=str(folder / "log"),
            patience=0.5,
        )
        self.keeper = keep.start(kept, folder)

    def child(self, number: int) -> int:
        """The process id of the child that was started as the `number`th."""
        wait_for(lambda: len(self._seen()) >= number, seconds=20, what=f"child {number}")
        return self._seen()[number - 1]

    def _seen(self) -> list[int]:
        return [int(line) for line in self.pids.read_text().splitlines()] if self.pids.exists() else []


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    watched = Watched(tmp_path, os.getpid())
    yield watched
    watched.keeper.terminate()
    watched.keeper.wait()


def is_gone(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def test_a_killed_child_is_started_again(watched: Watched) -> None:
    os.kill(watched.child(1), signal.SIGKILL)

    assert not is_gone(watched.child(2))


def test_a_stopped_keeper_takes_its_child_along(watched: Watched) -> None:
    child = watched.child(1)

    watched.keeper.terminate()

    assert watched.keeper.wait(10) == 0
    assert is_gone(child)


def test_a_child_that_ignores_the_stop_is_killed_with_its_children(tmp_path: Path) -> None:
    script = 'trap "" TERM; sleep 600 & echo $$ >> "$1"; echo $! >> "$1"; while :; do wait; done'
    watched = Watched(tmp_path, os.getpid(), ["/bin/sh", "-c", script, "sh", str(tmp_path / "pids")])
    shell, grandchild = watched.child(1), watched.child(2)

    watched.keeper.terminate()

    assert watched.keeper.wait(10) == 0
    assert is_gone(shell)
    wait_for(lambda: is_gone(grandchild), seconds=5, what="the grandchild's end")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a child's life to its parent's")
def test_a_killed_keeper_takes_its_child_along(watched: Watched) -> None:
    child = watched.child(1)

    watched.keeper.kill()

    wait_for(lambda: is_gone(child), seconds=5, what="the child's end")


def test_the_child_ends_with_the_launcher(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"]) as launcher:
        watched = Watched(tmp_path, launcher.pid)
        child = watched.child(1)
        launcher.kill()

    assert watched.keeper.wait(10) == 0
    assert is_gone(child)
