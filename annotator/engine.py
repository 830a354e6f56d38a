"""The one doorway to training: starts the engine as a child process and streams its events.

CUDA never lives in a web or Celery process, a crash is contained, and memory
comes back when the child ends.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from annotator.exceptions import ChildKilled, EngineFailed
from training.contract import EVENT, AnyEvent, AnyRequest

TICK_SECONDS = 1.0
GRACE_SECONDS = 4.0  # between SIGTERM and SIGKILL
ROOT = Path(__file__).resolve().parent.parent
LAST_WORDS = 2000  # characters of the child's log that go into an error
# The child needs no database and no secret.
PASSED_ON = (
    "PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES",
    "OMP_NUM_THREADS", "TIEBREAK_THREADS", "PYTHONPATH",
)  # fmt: skip


@contextmanager
def engine_start(request: AnyRequest, folder: Path) -> Iterator[Iterator[AnyEvent | None]]:
    """Start the child for `request`; leaving the block stops it, whatever it is doing.

    Yields its events, and None once a second while it says nothing. Raises
    ChildKilled when a signal ended it, EngineFailed when it ended without a
    last word.
    """
    request_file = folder / "request.json"
    request_file.write_text(request.model_dump_json(indent=2), encoding="utf-8")
    with (folder / "engine.log").open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "training", request.kind, "--request", str(request_file)],
            # The child ends itself when this pipe closes: no orphan survives its worker.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=ROOT,
            env=_environment(),
        )
    try:
        yield _events(child, folder / "engine.log")
    finally:
        _stop(child)


def starter_prompts(count: int, seed: int = 0) -> list[list[dict[str, str]]]:
    """Conversations of the starter policy's own domain, for the demo project."""
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as file:
        subprocess.run(
            [
                *[sys.executable, "-m", "training.starter", "prompts"],
                *["--count", str(count), "--seed", str(seed), "--out", file.name],
            ],
            check=True,
            cwd=ROOT,
            env=_environment(),
        )
        return [json.loads(line)["prompt"] for line in Path(file.name).read_text(encoding="utf-8").splitlines()]


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    hub = {name: value for name, value in os.environ.items() if name.startswith("HF_")}
    return {**kept, **hub, "TIEBREAK_WATCH_STDIN": "1", "PYTHONUNBUFFERED": "1", "TOKENIZERS_PARALLELISM": "false"}


def _events(child: subprocess.Popen[bytes], log: Path) -> Iterator[AnyEvent | None]:
    assert child.stdout is not None
    buffer = b""
    while True:
        ready, _, _ = select.select([child.stdout], [], [], TICK_SECONDS)
        if not ready:
            yield None
            continue
        data = os.read(child.stdout.fileno(), 1 << 16)
        if not data:
            break
        *lines, buffer = (buffer + data).split(b"\n")
        for line in lines:
            yield _event(line)
    code = child.wait()
    if code < 0:
        raise ChildKilled(f"The training process was ended by {signal.Signals(-code).name}.")
    if code > 0:
        raise EngineFailed(f"The training process ended with code {code}: {_last_words(log)}")


def _event(line: bytes) -> AnyEvent | None:
    try:
        return EVENT.validate_json(line)
    except ValidationError as error:
        raise EngineFailed(f"The engine said something that is not an event: {line[:200]!r}") from error


def _last_words(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-LAST_WORDS:].strip() or "it said nothing."


def _stop(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            pipe.close()
