"""Keep one process running: `python -m deploy.keep SPEC`, where SPEC is a JSON file that `Kept.write` made.

Promises, each of which the launcher leans on:
1. A child that exits unasked, by whatever signal, is started again: at once, then with growing pauses.
2. SIGTERM, SIGINT or SIGHUP stops the child with its own stop signal; after `patience` its whole group is killed.
3. When the launcher is gone (even by kill -9), the child is stopped in the same way.
4. When the keeper itself is killed, the kernel kills its child (Linux only; elsewhere the child stays behind).

The command stands in the file and not on our command line, so that `pkill -f granian` hits granian only.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

GLANCE = 0.25  # seconds between two looks at the child and at the launcher
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0  # seconds before a restart; doubles while the child keeps failing
STEADY = 20.0  # a child that lived this many seconds starts again without a pause
PR_SET_PDEATHSIG = 1  # <sys/prctl.h>


@dataclass(frozen=True)
class Kept:
    """What to keep running, and how to stop it."""

    name: str
    command: list[str]
    folder: str  # the working directory
    launcher: int  # process id; when it is gone, so are we
    lock: str  # a file held shared while we live, so that the next launcher can wait for us
    log: str = ""  # where output goes; empty means to our own
    uid: int = -1  # the account to run as; -1 means our own
    gid: int = -1
    stop_signal: int = signal.SIGTERM
    orphan_signal: int = signal.SIGKILL  # what the kernel sends when the keeper was killed
    patience: float = 4.0  # seconds between the stop signal and the kill

    def write(self, folder: Path) -> Path:
        path = folder / f"{self.name}.json"
        path.write_text(json.dumps(asdict(self), indent=1))
        return path


def start(kept: Kept, folder: Path) -> "subprocess.Popen[bytes]":
    """A keeper for `kept`, in a session of its own, so that Ctrl-C reaches the launcher only."""
    command = [sys.executable, "-m", "deploy.keep", str(kept.write(folder))]
    return subprocess.Popen(
        command, cwd=Path(__file__).resolve().parent.parent, stdin=subprocess.DEVNULL, start_new_session=True
    )


def keep(kept: Kept) -> None:
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: asked.set())
    lock = os.open(kept.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.lockf(lock, fcntl.LOCK_SH)
    is_launched = launcher_watch(kept.launcher)

    pause = FIRST_PAUSE
    while is_launched() and not asked.is_set():
        started = time.monotonic()
        child = child_start(kept)
        while child.poll() is None and is_launched() and not asked.wait(GLANCE):
            pass
        if child.poll() is None or asked.is_set() or not is_launched():
            child_stop(child, kept)
            return
        group_kill(child.pid)  # what a crashed parent left behind would hold its port
        pause = FIRST_PAUSE if time.monotonic() - started > STEADY else min(pause * 2, LONGEST_PAUSE)
        print(f"{kept.name} ended unasked ({ending(child.returncode)}); starting it again", flush=True)
        deadline = time.monotonic() + pause
        while time.monotonic() < deadline and is_launched() and not asked.wait(GLANCE):
            pass


def launcher_watch(pid: int) -> Callable[[], bool]:
    """A function that tells whether that very process still lives; a reused process id does not fool it."""
    try:
        launcher = psutil.Process(pid)
    except psutil.NoSuchProcess:
        return lambda: False

    def is_launched() -> bool:
        try:
            return bool(launcher.is_running() and launcher.status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False

    return is_launched


def child_start(kept: Kept) -> "subprocess.Popen[bytes]":
    keeper = os.getpid()
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def die_with_keeper() -> None:
        if libc is not None:
            libc.prctl(PR_SET_PDEATHSIG, kept.orphan_signal)
            if os.getppid() != keeper:  # killed between fork and here: no signal will come
                os._exit(1)

    with Path(kept.log).open("ab") if kept.log else contextlib.nullcontext() as output:
        return subprocess.Popen(
            kept.command,
            cwd=kept.folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output else None,
            start_new_session=True,
            user=kept.uid if kept.uid >= 0 else None,
            group=kept.gid if kept.gid >= 0 else None,
            extra_groups=[] if kept.uid >= 0 else None,
            preexec_fn=die_with_keeper,  # safe here: the keeper has one thread
        )


def child_stop(child: "subprocess.Popen[bytes]", kept: Kept) -> None:
    if child.poll() is None:
        child.send_signal(kept.stop_signal)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(kept.patience)
    group_kill(child.pid)
    child.wait()


def group_kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody left; macOS says the latter of zombies
        os.killpg(pid, signal.SIGKILL)


def ending(returncode: int) -> str:
    return f"exit status {returncode}" if returncode >= 0 else signal.Signals(-returncode).name


if __name__ == "__main__":
    keep(Kept(**json.loads(Path(sys.argv[1]).read_text())))
