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
import time
from dataclasses import asdict
from pathlib import Path

import psutil

from bench.crowd import Crowd, Page, closed_loop, open_loop, opened
from bench.instance import instance
from bench.queue_floor import floor
from bench.queue_world import RATERS, Rater, project_made, raters_made

LINES = 16  # requests under way at a time
SMALL = 1_000  # comparisons, of a project that everybody shares …
SMALL_WANTED = 100  # … so that each takes this many judgments
BUSY = 200  # raters of the closed loop, who take turns on the lines


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.queue", description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 100_000, 1_000_000])
    parser.add_argument("--stored", type=int, default=9, help="judgments on each comparison beforehand")
    parser.add_argument("--seconds", type=float, default=30.0, help="of each closed loop")
    parser.add_argument("--growth-seconds", type=float, default=60.0, help="at the open loop's rate, on every size")
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
    projects: dict[int, int] = {}
    for size in arguments.sizes:
        stored = arguments.stored if size > SMALL else 0
        wanted = stored + 2 if size > SMALL else SMALL_WANTED
        began = time.monotonic()
        projects[size] = project_made(slug_of(size), comparisons=size, wanted=wanted, stored=stored, raters=raters)
        say(f"{size:,} comparisons, {size * stored:,} judgments stored, written in {time.monotonic() - began:.0f} s")
    say(f"what a worker finds out about new judgments took {at_rest():.0f} s")
    for size in arguments.sizes:
        found, seconds, spent = asyncio.run(busy(crowd, slug_of(size), raters, arguments.seconds))
        rates[size] = len(found) / seconds
        say(f"{size:,}, closed loop of {LINES}: {rates[size]:.0f} judgments/s, {latencies(found)}")
        say("  CPU per judgment, ms: " + ", ".join(f"{name} {one:.2f}" for name, one in spent.items()))
    for size in arguments.sizes:
        found = asyncio.run(arriving(crowd, slug_of(size), raters, arguments.per_second, arguments.growth_seconds))
        p95s[size] = percentile(found, 0.95)
        say(f"{size:,}, {arguments.per_second:.0f} a second for {arguments.growth_seconds:.0f} s: {latencies(found)}")
    small, large = arguments.sizes[0], arguments.sizes[-1]
    found = asyncio.run(arriving(crowd, slug_of(large), raters, arguments.per_second, arguments.open_minutes * 60))
    say(f"{large:,}, {len(raters):,} raters, {arguments.open_minutes:g} min: {latencies(found)}")
    lowest = floor(projects[large], slug_of(large), raters, seconds=arguments.seconds)
    say(f"{large:,}, the same SQL by pgbench: {lowest:.0f} judgments/s")
    return {
        "judgments_per_s": round(min(rates.values()), 1),
        "open_loop_p95_ms": round(percentile(found, 0.95) * 1000, 1),
        "p95_growth_1m_over_1k": round(p95s[large] / p95s[small], 2),
        "floor_ratio": round(rates[large] / lowest, 3),
    }


def at_rest(*, longest: float = 900.0) -> float:
    """Seconds until all is found about the judgments that are there: millions never come at once again.

    Findings are made anew a minute after the last ones, or later where they take long (services/figures.py).
    """
    began = time.monotonic()
    while is_behind() and time.monotonic() - began < longest:
        time.sleep(1)
    return time.monotonic() - began


def is_behind() -> bool:
    """Whether something is being found, or was found for other sums than those of now, or never."""
    from annotator.models import Figure
    from annotator.selectors.figures import seen_of_all

    sums = {scope: asdict(seen) for scope, seen in seen_of_all().items()}
    kept = list(Figure.objects.select_related("project", "round").defer("found"))
    return bool(sums.keys() - {one.round or one.project for one in kept}) or any(
        one.claimed_at or one.found_at is None or one.seen != sums.get(one.round or one.project) for one in kept
    )


def slug_of(size: int) -> str:
    return f"of-{size}"


def latencies(found: list[float]) -> str:
    parts = (f"p{share} {percentile(found, share / 100) * 1000:.1f} ms" for share in (50, 95, 99))
    return f"{', '.join(parts)}, n = {len(found):,}"


def say(line: str) -> None:
    print(line, flush=True)


def cpu_seconds() -> dict[str, float]:
    """Processor time so far of the web processes, of Postgres (its ended children too) and of this load."""
    found = {"web": 0.0, "database": 0.0, "load": sum(psutil.Process().cpu_times()[:2])}
    for process in psutil.process_iter(["name", "cmdline", "cpu_times"]):
        words = " ".join(process.info["cmdline"] or [])
        kind = "web" if "granian" in words else "database" if "postgres" in (process.info["name"] or "") else ""
        if kind:
            found[kind] += sum(process.info["cpu_times"][:4])
    return found


async def busy(
    crowd: Crowd, slug: str, raters: list[Rater], seconds: float
) -> tuple[list[float], float, dict[str, float]]:
    """Latencies, how long it took, and milliseconds of processor time for each judgment."""
    pages = [Page(one, slug) for one in raters[:BUSY]]
    await opened(crowd, pages, LINES)
    await closed_loop(crowd, pages, lines=LINES, seconds=seconds / 6)  # caches fill, connections open
    before = cpu_seconds()
    found, took = await closed_loop(crowd, pages, lines=LINES, seconds=seconds)
    spent = {name: (after - before[name]) / len(found) * 1000 for name, after in cpu_seconds().items()}
    return found, took, spent


async def arriving(crowd: Crowd, slug: str, raters: list[Rater], per_second: float, seconds: float) -> list[float]:
    pages = [Page(one, slug) for one in raters]
    await opened(crowd, pages, LINES)
    return await open_loop(crowd, pages, per_second=per_second, lines=4 * LINES, seconds=seconds)


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


if __name__ == "__main__":
    raise SystemExit(main())
