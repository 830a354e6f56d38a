"""A running instance in a data folder of its own, for measurements of the whole product."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 300.0


@contextmanager
def instance(home: Path) -> Iterator[dict[str, str]]:
    """A running instance in `home`; yields the environment in which commands find it."""
    environment = {**os.environ, "TIEBREAK_HOME": str(home), "TIEBREAK_PORT": str(free_port())}
    log = (home / "bench.log").open("wb")
    launcher = subprocess.Popen(
        [sys.executable, "-m", "deploy.up"], cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT
    )
    try:
        wait_until_ready(launcher, f"http://127.0.0.1:{environment['TIEBREAK_PORT']}/readyz", home / "bench.log")
        yield environment
    finally:
        launcher.send_signal(signal.SIGINT)
        launcher.wait(30)
        log.close()


def wait_until_ready(launcher: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if launcher.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    raise SystemExit(f"The instance did not start:\n{log.read_text(errors='replace')[-2000:]}")


def manage(environment: dict[str, str], *arguments: str) -> str:
    """The output of a management command; its progress goes to our stderr."""
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"manage.py {' '.join(arguments)} failed:\n{done.stdout[-2000:]}")
    return done.stdout


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
