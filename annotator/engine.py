"""The one doorway to training: starts the engine as a child process and streams its events.

CUDA never lives in a web or Celery process, a crash is contained, and memory
comes back when the child ends. With TIEBREAK_PROCESSES above 1 the child is a
launcher, which starts so many engines that train one model together; with
TIEBREAK_SHARD=1 they also share its weights out when all of them are trained.
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
from training.contract import EVENT, TRAINED, AnyEvent, AnyRequest, Failed, Finished

TICK_SECONDS = 1.0
GRACE_SECONDS = 4.0  # between SIGTERM and SIGKILL
ROOT = Path(__file__).resolve().parent.parent
LAST_WORDS = 2000  # characters of the child's log that go into an error
# The child needs no database and no secret, but for the one of the hub that it sends to.
PASSED_ON = (
    "PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES",
    "OMP_NUM_THREADS", "TIEBREAK_THREADS", "TIEBREAK_SHARD", "PYTHONPATH",
)  # fmt: skip
TO_A_HUB = ("TIEBREAK_HUB_TOKEN", "TIEBREAK_HUB_TOKEN_FILE")
PASSED_ON_FAMILIES = ("HF_", "NCCL_")


@contextmanager
def engine_start(request: AnyRequest, folder: Path) -> Iterator[Iterator[AnyEvent | None]]:
    """Start the child for `request`; leaving the block stops it, whatever it is doing.

    Yields its events, and None once a second while it says nothing. Raises
    ChildKilled when a signal ended it or an engine that it launched, EngineFailed when it ended
    without a last word or when TIEBREAK_PROCESSES is not a number.
    """
    request_file = folder / "request.json"
    engines = _processes() if request.kind in TRAINED else 1
    request_file.write_text(request.model_dump_json(indent=2), encoding="utf-8")
    with (folder / "engine.log").open("ab") as log:
        child = subprocess.Popen(
            _command(engines, request.kind, request_file),
            # The child, and every engine that it launched, ends when this pipe closes: no orphan survives its worker.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=ROOT,
            env=environment_of(request.kind),
        )
    try:
        yield _events(child, folder / "engine.log", is_group=engines > 1)
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
            env=environment_of(),
        )
        return [json.loads(line)["prompt"] for line in Path(file.name).read_text(encoding="utf-8").splitlines()]


def _command(engines: int, kind: str, request_file: Path) -> list[str]:
    """One engine, or the launcher of several."""
    engine = ["-m", "training", kind, "--request", str(request_file)]
    if engines == 1:
        return [sys.executable, *engine]
    return [
        *[sys.executable, "-m", "accelerate.commands.launch"],
        # Without --multi_gpu it starts one process where there is no GPU; the engines themselves look for one.
        *["--multi_gpu", "--num_processes", str(engines), "--num_machines", "1", "--main_process_port", "0"],
        *["--mixed_precision", "no", "--dynamo_backend", "no"],  # the engine decides both
        *engine,
    ]


def _processes() -> int:
    """How many engines train one model together, from TIEBREAK_PROCESSES; 1 when it is not set."""
    wanted = os.environ.get("TIEBREAK_PROCESSES", "1")
    if not wanted.isascii() or not wanted.isdigit() or int(wanted) < 1:
        raise EngineFailed(f"TIEBREAK_PROCESSES must be a whole number from 1 on, not {wanted!r}.")
    return int(wanted)


def environment_of(kind: str = "") -> dict[str, str]:
    """What a child that does this kind of work is told of ours: no secret that it does not need."""
    passed_on = (*PASSED_ON, *TO_A_HUB) if kind == "push" else PASSED_ON
    kept = {name: os.environ[name] for name in passed_on if name in os.environ}
    families = {name: value for name, value in os.environ.items() if name.startswith(PASSED_ON_FAMILIES)}
    return {**kept, **families, "TIEBREAK_WATCH_STDIN": "1", "PYTHONUNBUFFERED": "1", "TOKENIZERS_PARALLELISM": "false"}


def _events(child: subprocess.Popen[bytes], log: Path, *, is_group: bool) -> Iterator[AnyEvent | None]:
    assert child.stdout is not None
    buffer = b""
    had_last_word = False
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
            event = _event(line)
            had_last_word |= isinstance(event, Failed | Finished)
            yield event
    code = child.wait()
    if code < 0:
        raise ChildKilled(f"The training process was ended by {signal.Signals(-code).name}.")
    if code > 0 and is_group and not had_last_word:
        # The launcher says 1 whatever happened, and an engine that fails says why: one of them was killed.
        raise ChildKilled(f"One of the training processes was ended from outside: {_last_words(log)}")
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
    """End the child and all engines that it launched: those notice their closed stdin even when it was killed."""
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
