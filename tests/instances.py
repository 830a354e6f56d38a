"""A whole instance, started the way `make up` starts it, for tests that need every process at once."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg

from deploy.embedded import wait_for

ROOT = Path(__file__).resolve().parent.parent
READY_SECONDS = 60.0  # alone it takes five; other tests share the processor


def environment(home: Path, port: int, **more: str) -> dict[str, str]:
    """As on a bare machine: without the addresses of the servers that these tests run on."""
    bare = {k: v for k, v in os.environ.items() if not k.startswith("TIEBREAK_") and not k.endswith("_URL")}
    return bare | {"TIEBREAK_HOME": str(home), "TIEBREAK_PORT": str(port)} | more


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class Instance:
    """`make up`'s launcher in a process group of its own, as a terminal would start it."""

    def __init__(self, home: Path, port: int) -> None:
        self.home = home
        self.port = port
        self.output = (home / "output").open("ab")
        self.launcher = subprocess.Popen(
            [sys.executable, "-m", "deploy.up"],
            cwd=ROOT,
            env=environment(home, port),
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def is_ready(self) -> bool:
        assert self.launcher.poll() is None, (self.home / "output").read_text()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as error:
            error.close()
            return False
        except OSError:
            return False

    def wait_until_ready(self) -> None:
        wait_for(self.is_ready, seconds=READY_SECONDS, what="/readyz", log=self.home / "output")

    def processes(self) -> list[psutil.Process]:
        return list(psutil.Process(self.launcher.pid).children(recursive=True))

    def process(self, *words: str) -> psutil.Process:
        """The kept process whose command has all these words: the oldest, hence no child of another such."""

        def found() -> list[psutil.Process]:
            fitting = []
            for process in self.processes():
                with suppress(psutil.NoSuchProcess):
                    if set(words) <= set(process.cmdline()):
                        fitting.append(process)
            return sorted(fitting, key=lambda process: process.create_time())

        wait_for(lambda: bool(found()), seconds=READY_SECONDS, what=f"a process with {words}")
        return found()[0]

    def stop(self, number: signal.Signals) -> int:
        os.killpg(self.launcher.pid, number)
        status = self.launcher.wait(10)  # the promise: in less than ten seconds
        self.output.close()
        return status

    def database(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(json.loads((self.home / "instance.json").read_text())["database_url"], autocommit=True)
