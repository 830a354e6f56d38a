"""python -m training {sft,reward,dpo,generate,evaluate} --request FILE

Streams one JSON event per line on stdout, and nothing else there; logs go to
stderr. Exit status 0 after `finished`, 1 after `failed`, 143 when terminated.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TextIO

from training.contract import AnyEvent, AnyRequest, Failed, Finished, RunReport, request_read
from training.errors import EngineError, RequestInvalid

# Cores are shared with the web app and its database. Threads that spin while they wait for each other then
# burn the very core the other one needs (measured: ten times slower); this makes them sleep. Read by OpenMP
# when torch is first imported, which happens below.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

KINDS = ("sft", "reward", "dpo", "generate", "evaluate")
TERMINATED = 128 + signal.SIGTERM


def main(argv: list[str] | None = None) -> int:
    """Carry out one request; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training", description="The training engine.")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--request", type=Path, required=True, help="a request file, see training/contract.py")
    arguments = parser.parse_args(argv)
    events = _stdout_claimed()

    def report(event: AnyEvent) -> None:
        events.write(event.model_dump_json() + "\n")
        events.flush()

    signal.signal(signal.SIGTERM, _terminate)
    if os.environ.get("TIEBREAK_WATCH_STDIN") == "1":
        threading.Thread(target=_die_with_parent, daemon=True).start()
    try:
        request = request_read(arguments.request)
        if request.kind != arguments.kind:
            raise RequestInvalid(f"{arguments.request} asks for {request.kind}, not for {arguments.kind}.")
        report(Finished(report=run(request, report)))
    except EngineError as error:
        report(Failed(error=type(error).__name__, message=str(error)))
        return 1
    except Exception as error:  # the outermost door: record, then stop
        traceback.print_exc()
        report(Failed(error=type(error).__name__, message=_sentence(error)))
        return 1
    return 0


def run(request: AnyRequest, report: Callable[[AnyEvent], None]) -> RunReport:
    """The report of a finished request; at once, when an earlier delivery of it already finished."""
    from training.checkpoints import report_of_finished
    from training.loop import threads_set

    if (finished := report_of_finished(Path(request.out_dir))) is not None:
        return finished
    threads_set()
    match request.kind:
        case "sft":
            from training.sft import train_sft

            return train_sft(request, report)
        case "reward":
            from training.reward import train_reward

            return train_reward(request, report)
        case "dpo":
            from training.dpo import train_dpo

            return train_dpo(request, report)
        case "generate":
            from training.generate import generate

            return generate(request, report)
        case "evaluate":
            from training.evaluate import evaluate

            return evaluate(request, report)


def _stdout_claimed() -> TextIO:
    """Keep stdout for events; what libraries print goes to stderr."""
    events = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return events


def _terminate(signum: int, frame: FrameType | None) -> None:
    """Unwind, so that a half-written folder is removed on the way out."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(TERMINATED)


def _die_with_parent() -> None:
    """Stop at once when stdin closes: whoever started this run is gone and nobody reads its events."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(1)


def _sentence(error: Exception) -> str:
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return "The machine ran out of memory; lower the micro-batch size or the longest row and start again."
    return f"The engine stopped on an error it did not expect: {error}"


if __name__ == "__main__":
    sys.exit(main())
