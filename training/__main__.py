"""python -m training {sft,reward,dpo,generate,evaluate,score,merge,push} --request FILE

Streams one JSON event per line on stdout, and nothing else there; logs go to
stderr. Exit status 0 after `finished`, 1 after `failed`, 143 when terminated.

    accelerate launch --multi_gpu --num_processes N -m training {sft,reward,dpo} --request FILE

trains in N processes, on GPUs or not; only the first of them streams events and writes folders.
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

from training.contract import TRAINED, AnyEvent, AnyRequest, Failed, Finished, RunReport, request_read
from training.errors import EngineError, RequestInvalid
from training.threads import threads_set, waiting

KINDS = ("sft", "reward", "dpo", "generate", "evaluate", "score", "merge", "push")
TERMINATED = 128 + signal.SIGTERM


def main(argv: list[str] | None = None) -> int:
    """Carry out one request; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training", description="The training engine.")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--request", type=Path, required=True, help="a request file, see training/contract.py")
    arguments = parser.parse_args(argv)
    rank, world = (int(os.environ.get(name, default)) for name, default in (("RANK", "0"), ("WORLD_SIZE", "1")))
    events = _stdout_claimed()
    os.environ.update(waiting())  # before anything imports torch

    def report(event: AnyEvent) -> None:
        if rank == 0:
            events.write(event.model_dump_json() + "\n")
            events.flush()

    if rank == 0:  # the others write nothing that a sudden end could leave half
        signal.signal(signal.SIGTERM, _terminate)
    if os.environ.get("TIEBREAK_WATCH_STDIN") == "1":
        threading.Thread(target=_die_with_parent, daemon=True).start()
    try:
        request = request_read(arguments.request)
        if request.kind != arguments.kind:
            raise RequestInvalid(f"{arguments.request} asks for {request.kind}, not for {arguments.kind}.")
        if world > 1:
            if request.kind in TRAINED:
                request = _joined(request)
            elif rank > 0:
                return 0
        report(Finished(report=run(request, report)))
    except EngineError as error:
        return _failed(error, str(error), world, report)
    except Exception as error:  # the outermost door: record, then stop
        traceback.print_exc()
        return _failed(error, _sentence(error), world, report)
    except SystemExit:
        if world > 1:
            _others_failed(report)
        raise
    return 0


def _joined(request: AnyRequest) -> AnyRequest:
    """Become one process of several; each has its own scratch space, and the first has that of the run."""
    from training import processes

    processes.processes_join(request.device)
    if processes.is_first():
        return request
    return request.model_copy(update={"work_dir": str(Path(request.work_dir) / f"process-{processes.rank()}")})


def _failed(error: Exception, sentence: str, world: int, report: Callable[[AnyEvent], None]) -> int:
    """Say why, once: a process that only lost the others says what they left, which is nothing if they were killed."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # whoever ends the group must not cut off its last word
    if world > 1:
        from training import processes

        if processes.is_loss(error):
            _others_failed(report)
            return 1
        processes.failure_tell(type(error).__name__, sentence)
    report(Failed(error=type(error).__name__, message=sentence))
    return 1


def _others_failed(report: Callable[[AnyEvent], None]) -> None:
    """Report the failure that another process left before it ended, if one did."""
    from training import processes

    if (found := processes.failure_told()) is not None:
        report(Failed(error=found[0], message=found[1]))


def run(request: AnyRequest, report: Callable[[AnyEvent], None]) -> RunReport:
    """The report of a finished request; at once, when an earlier delivery of it already finished."""
    from training.checkpoints import report_of_finished

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
        case "score":
            from training.score import score

            return score(request, report)
        case "merge":
            from training.merge import merge

            return merge(request, report)
        case "push":
            from training.push import push

            return push(request, report)


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
    from training.microbatches import is_out_of_memory

    if is_out_of_memory(error):
        return "The machine ran out of memory; lower the micro-batch size or the longest row and start again."
    return f"The engine stopped on an error it did not expect: {error}"


if __name__ == "__main__":
    sys.exit(main())
