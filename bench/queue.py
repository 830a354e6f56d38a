"""The queue under load: python -m bench.queue [--sizes 1000 100000 1000000] [--stored 9] [--open-minutes 10]

An instance as `make up` starts it, on this machine with the load beside it. Each
judgment is what the judgment page sends: the answer is stored, the next
comparison is claimed and its card comes back.

1. Closed loop: so many lines judge without a pause, on a project of each size.
2. Open loop: 10,000 raters with a judgment a minute each, arriving by chance.
3. The floor: the same SQL by pgbench, without a web server.

The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
from pathlib import Path

import psutil

from bench.crowd import Crowd, Page, closed_loop, open_loop, opened
from bench.instance import instance
from bench.queue_world import RATERS, Rater, project_made, raters_made

LINES = 16  # requests under way at a time
BUSY = 200  # raters of the closed loop, who take turns on the lines


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.queue", description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 100_000, 1_000_000])
    parser.add_argument("--stored", type=int, default=9, help="judgments on each comparison beforehand")
    parser.add_argument("--seconds", type=float, default=30.0, help="of each closed loop")
    parser.add_argument("--open-minutes", type=float, default=10.0)
    parser.add_argument("--per-second", type=float, default=RATERS / 60)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tiebreak-bench-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        with instance(home) as environment:
            os.environ |= environment | {"DJANGO_SETTINGS_MODULE": "config.settings"}
            import django

            django.setup()
            print(json.dumps(measured(arguments, Crowd("127.0.0.1", int(environment["TIEBREAK_PORT"])))))
    return 0


def measured(arguments: argparse.Namespace, crowd: Crowd) -> dict[str, float]:
    raters = raters_made()
    rates: dict[int, float] = {}
    p95s: dict[int, float] = {}
    for size in arguments.sizes:
        slug = f"of-{size}"
        stored = arguments.stored if size > 1000 else 0
        wanted = stored + 1 if size > 1000 else 100
        project_made(slug, comparisons=size, wanted=max(wanted, 2), stored=stored, raters=raters)
        print(f"{size} comparisons, {size * stored} judgments stored")
        before = cpu_seconds()
        found, seconds = asyncio.run(busy(crowd, slug, raters, arguments.seconds))
        spent = {name: (after - before[name]) / len(found) * 1000 for name, after in cpu_seconds().items()}
        print("  CPU per judgment, ms:", ", ".join(f"{name} {one:.2f}" for name, one in spent.items()))
        rates[size], p95s[size] = len(found) / seconds, percentile(found, 0.95)
        print(
            f"  closed loop: {rates[size]:.0f} judgments/s, p50 {percentile(found, 0.5) * 1000:.1f} ms, "
            f"p95 {p95s[size] * 1000:.1f} ms, p99 {percentile(found, 0.99) * 1000:.1f} ms, n = {len(found)}",
            flush=True,
        )
    return {"judgments_per_s": round(min(rates.values()), 1)}


def cpu_seconds() -> dict[str, float]:
    """Processor time so far of the web processes, of Postgres and of this one, which is the load."""
    found = {"web": 0.0, "database": 0.0, "load": sum(psutil.Process().cpu_times()[:2])}
    for process in psutil.process_iter(["name", "cmdline", "cpu_times"]):
        words = " ".join(process.info["cmdline"] or [])
        kind = "web" if "granian" in words else "database" if "postgres" in (process.info["name"] or "") else ""
        if kind:
            found[kind] += sum(process.info["cpu_times"][:2])
    return found


async def busy(crowd: Crowd, slug: str, raters: list[Rater], seconds: float) -> tuple[list[float], float]:
    pages = [Page(one, slug) for one in raters[:BUSY]]
    await opened(crowd, pages, LINES)
    await closed_loop(crowd, pages, lines=LINES, seconds=seconds / 6)  # caches fill, connections open
    return await closed_loop(crowd, pages, lines=LINES, seconds=seconds)


async def arriving(crowd: Crowd, slug: str, raters: list[Rater], per_second: float, seconds: float) -> list[float]:
    pages = [Page(one, slug) for one in raters]
    await opened(crowd, pages, LINES)
    return await open_loop(crowd, pages, per_second=per_second, lines=4 * LINES, seconds=seconds)


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


if __name__ == "__main__":
    raise SystemExit(main())
