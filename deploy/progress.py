"""What the person at the terminal sees: one line per step, with the seconds since the start."""

import contextlib
import sys
import time


class Progress:
    def __init__(self) -> None:
        self.started = time.monotonic()

    def say(self, line: str) -> None:
        write(f"[{time.monotonic() - self.started:5.1f} s] {line}")


def write(line: str) -> None:
    """To standard output, if it still exists: stopping must go on after the terminal hung up."""
    with contextlib.suppress(OSError, ValueError):
        print(line, flush=True)


def write_error(line: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        print(f"tiebreak: {line}", file=sys.stderr, flush=True)
