"""How long an installed instance takes to start for the first time, to stop, and to start again.

    python -m bench.start

Prints the three times, and as its last line one JSON object of seconds.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from bench.instance import instance


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="tiebreak-bench-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        first, stop = start_and_stop(home)
        again, _ = start_and_stop(home)
    print(f"first start, demo seeded: {first:.1f} s; stop: {stop:.1f} s; next start: {again:.1f} s")
    print(json.dumps({"first_start_s": round(first, 2), "stop_s": round(stop, 2), "next_start_s": round(again, 2)}))
    return 0


def start_and_stop(home: Path) -> tuple[float, float]:
    """Seconds from the command to /readyz, and from Ctrl-C to the end of every process."""
    began = time.monotonic()
    with instance(home):
        ready = time.monotonic()
    return ready - began, time.monotonic() - ready


if __name__ == "__main__":
    sys.exit(main())
