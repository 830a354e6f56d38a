"""The processes of an instance as one honcho group, and the watch over what honcho does not see."""

import http.client
import json
import os
import select
import shlex
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from honcho.manager import Manager
from honcho.printer import Message, Printer

from deploy import keep
from deploy.keep import Kept
from deploy.progress import Progress, write

SIGNALLED = (130, 143)  # honcho's return codes after SIGINT and SIGTERM
LOOK_SECONDS = 0.2
QUIET_SECONDS = 10.0  # a step that says nothing for so long is mentioned again


class Lines(Printer):  # type: ignore[misc]  # honcho has no types
    """What the processes print, without honcho's own remarks, and going on after the terminal hung up."""

    is_stopping = False  # then Celery's farewells say nothing that the person who stopped it does not know

    def write(self, message: Message) -> None:
        if message.name != "system" and not self.is_stopping:
            text = message.data.decode("utf-8", "replace") if isinstance(message.data, bytes) else message.data
            for line in filter(None, text.splitlines()):
                write(f"{message.time:%H:%M:%S} {message.name:<{self.width}} | {line}")


class Group(Manager):  # type: ignore[misc]  # honcho has no types
    """Keepers as one group: when one of them ends, all end, and `loop` returns."""

    def __init__(self, kepts: list[Kept], folder: Path, watch: "Watch") -> None:
        self.lines = Lines()
        super().__init__(self.lines)
        self.watch = watch
        for kept in kepts:
            command = [sys.executable, "-m", "deploy.keep", str(kept.write(folder))]
            self.add_process(kept.name, f"exec {shlex.join(command)}")

    def _start(self) -> None:
        super()._start()
        self.watch.start()  # only now: honcho forks, and a fork beside a running thread may inherit a held lock

    def terminate(self) -> None:
        if self._all_started():
            self.lines.is_stopping = self.was_asked
            super().terminate()
        else:  # honcho stops only processes that it has heard of; ask again when it has
            threading.Timer(LOOK_SECONDS, os.kill, (os.getpid(), signal.SIGTERM)).start()

    @property
    def was_asked(self) -> bool:
        return self.returncode in SIGNALLED


class Watch:
    """In a thread beside the group: greet when ready, replace killed keepers of servers, end when make is gone."""

    def __init__(self, *, address: tuple[str, int], host: str, servers: list[Kept], run: Path) -> None:
        self.address = address
        self.host = host
        self.run = run
        self.servers = {kept.name: (kept, keep.start(kept, run)) for kept in servers}
        self.greeting: list[str] = []
        self.progress = Progress()
        self.ended = threading.Event()
        self.thread: threading.Thread | None = None

    def start(self) -> None:
        if self.thread is None:
            self.thread = threading.Thread(target=self._look, daemon=True)
            self.thread.start()

    def stop(self) -> None:
        """No thread, and then no servers."""
        self.ended.set()
        if self.thread is not None:
            self.thread.join(timeout=3.0)
        for _, keeper in self.servers.values():
            keeper.terminate()
        for _, keeper in self.servers.values():
            keeper.wait()

    def _look(self) -> None:
        started = time.monotonic()
        make = os.getppid() if "MAKELEVEL" in os.environ else 0
        was_catching = bool(make) and catches_interrupt(make)
        is_ready, next_word = False, started + QUIET_SECONDS
        while not self.ended.wait(LOOK_SECONDS):
            self._servers_replace()
            is_gone = bool(make) and os.getppid() != make
            # SIGINT sent to make alone (a terminal tells both) makes it wait for us without a word. It restores the
            # default handling when the signal arrives; in the background it ignores the signal from the start.
            if is_gone or (was_catching and not catches_interrupt(make)):
                os.kill(os.getpid(), signal.SIGTERM)
                return
            if is_ready:
                continue
            trouble = self._trouble()
            if not trouble:
                is_ready = True
                self.progress.say("ready")
                for line in self.greeting:
                    write(line)
            elif time.monotonic() > next_word:
                next_word += QUIET_SECONDS
                self.progress.say(f"still waiting: {trouble}")

    def _servers_replace(self) -> None:
        for name, (kept, keeper) in self.servers.items():
            if keeper.poll() is not None and not self.ended.is_set():
                write(f"the keeper of {name} was killed; starting another")
                self.servers[name] = (kept, keep.start(kept, self.run))

    def _trouble(self) -> str:
        """What keeps the instance from being ready; empty when it is."""
        connection = http.client.HTTPConnection(*self.address, timeout=5.0)
        try:
            connection.request("GET", "/readyz", headers={"Host": self.host})
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            return "the web process does not answer yet"
        finally:
            connection.close()
        if answer.status == 200:
            return ""
        try:
            parts: dict[str, object] = json.loads(body)
        except ValueError:
            return f"/readyz answers {answer.status}"
        return "; ".join(f"{part}: {state}" for part, state in parts.items() if part != "ready" and state != "ok")


def catches_interrupt(pid: int) -> bool:
    """Whether that process has a handler for SIGINT; False where the system does not tell (it does on Linux)."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    caught = next((line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:")), "0")
    return bool(int(caught, 16) >> (signal.SIGINT - 1) & 1)


def run_step(command: list[str], *, environment: dict[str, str], progress: Progress) -> int:
    """Run a command that ends by itself and say its lines; Ctrl-C reaches it only through us."""
    step = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        assert step.stdout is not None
        last, rest = b"", b""
        while True:
            if not select.select([step.stdout], [], [], QUIET_SECONDS)[0]:
                progress.say(f"still at it: {last.decode('utf-8', 'replace')}")
                continue
            data = os.read(step.stdout.fileno(), 1 << 16)
            if not data:
                return step.wait()
            *lines, rest = (rest + data).split(b"\n")
            for last in lines:
                progress.say(last.decode("utf-8", "replace"))
    finally:
        if step.poll() is None:
            keep.group_kill(step.pid)
            step.wait()
