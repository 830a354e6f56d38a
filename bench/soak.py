"""Judging while things die: python -m bench.soak [--minutes 10] [--raters 500] [--comparisons 20000]

Raters judge over HTTP. Every few seconds a web process, a worker,
Redis or Postgres is killed with signal 9, by chance. A rater does what the page
does: the same judgment again, with its key, until the server has answered.

At the end the database is asked: is every acknowledged judgment stored, exactly
once? Is no comparison above k, is every sum true, is no lease held past its time?
The last line is one JSON object; the exit status is 1 when a promise was broken.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil

from bench.crowd import Crowd, Line, Page
from bench.instance import instance
from bench.queue_world import Rater, project_made, raters_made

VICTIMS = {"web": "granian", "worker": "--queues", "redis": "redis-server", "postgres": "postgres"}
LEASE_MINUTES = 1
SWEEP_SECONDS = 90.0  # within which the clock takes back what ran out
KEY = re.compile(rb"key=([0-9a-f-]{36})")
RETRY = 0.5
PAUSE = 4.0  # seconds a rater thinks, on average


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--raters", type=int, default=500)
    parser.add_argument("--comparisons", type=int, default=20_000)
    parser.add_argument("--kill-every", type=float, default=8.0, help="seconds between two deaths")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tiebreak-soak-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        with instance(home) as environment:
            os.environ |= environment | {"DJANGO_SETTINGS_MODULE": "config.settings"}
            import django

            django.setup()
            raters = raters_made(arguments.raters)
            project = project_made("soak", comparisons=arguments.comparisons, wanted=3, stored=0, raters=raters)
            shorten_leases(project)
            crowd = Crowd("127.0.0.1", int(environment["TIEBREAK_PORT"]))
            came = asyncio.run(soaked(crowd, raters, home, arguments))
            wait_until_calm(came)
            found = audited(project, came["acknowledged"])
    report = {**{name: len(x) if isinstance(x, set) else dict(x) for name, x in came.items()}, **found}
    print(json.dumps(report))
    return int(any(found[name] for name in PROMISES))


PROMISES = ("lost", "twice", "above_k", "wrong_sums", "stuck_leases", "unknown")


def shorten_leases(project: int) -> None:
    from annotator.models import Project

    Project.objects.filter(pk=project).update(lease_minutes=LEASE_MINUTES)


async def soaked(crowd: Crowd, raters: list[Rater], home: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    came: dict[str, Any] = {"acknowledged": set(), "statuses": Counter(), "killed": Counter()}
    until = time.monotonic() + arguments.minutes * 60
    killer = asyncio.create_task(killing(home, until, arguments.kill_every, came["killed"]))
    await asyncio.gather(*(judging(crowd, Page(one, "soak"), until, came) for one in raters))
    await killer
    return came


async def judging(crowd: Crowd, page: Page, until: float, came: dict[str, Any]) -> None:
    """One rater, who never gives up on a judgment, also after the time is over."""
    line = Line(crowd.host, crowd.port)
    await asyncio.sleep(random.random() * 3)
    while time.monotonic() < until:
        if not page.cards:
            page.known.clear()
            await asked(crowd.request_for_cards(page), line, page, came)
            if not page.cards:
                await asyncio.sleep(2)
            continue
        address, fields = page.cards.popleft()
        found = KEY.search(fields)
        assert found
        status = await asked(crowd.request_for(page, address, b"answer=a" + fields), line, page, came)
        if status == 200:
            came["acknowledged"].add(found[1].decode())
        await asyncio.sleep(random.expovariate(1 / PAUSE))
    line.close()


async def asked(request: bytes, line: Line, page: Page, came: dict[str, Any]) -> int:
    """The same until the server has answered for good: as the page does, whatever dies in between."""
    while True:
        try:
            status, body = await asyncio.wait_for(line.send(request), 20)
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            line.close()
            came["statuses"]["no answer"] += 1
            await asyncio.sleep(RETRY)
            continue
        came["statuses"][str(status)] += 1
        if status < 500:
            page.take(body)
            return status
        await asyncio.sleep(RETRY)


async def killing(home: Path, until: float, every: float, killed: Counter[str]) -> None:
    launcher = next(p for p in psutil.Process().children() if "deploy.up" in " ".join(p.cmdline()))
    while time.monotonic() + every < until:
        await asyncio.sleep(every)
        kind, word = random.choice(list(VICTIMS.items()))
        fitting = []
        for process in launcher.children(recursive=True):
            try:
                words = process.cmdline()
            except psutil.Error:
                continue
            if "deploy.keep" not in words and any(word in one for one in words[:9]):
                fitting.append(process)
        if fitting:
            victim = random.choice(fitting)
            try:
                victim.kill()
                killed[kind] += 1
            except psutil.Error:
                pass


def wait_until_calm(came: dict[str, Any]) -> None:
    """Long enough for leases to run out and be taken back."""
    time.sleep(LEASE_MINUTES * 60 + SWEEP_SECONDS)


def audited(project: int, acknowledged: set[str]) -> dict[str, int]:
    from django.db import connection

    questions = {
        "stored": "SELECT count(*) FROM annotator_judgment j {of}",
        "twice": "SELECT count(*) FROM (SELECT a.comparison_id, a.rater_id FROM annotator_judgment j {of}"
        " AND j.supersedes_id IS NULL GROUP BY 1, 2 HAVING count(*) > 1) t",
        "above_k": "SELECT count(*) FROM annotator_comparison c JOIN annotator_round r ON r.id = c.round_id"
        " WHERE r.project_id = %s AND (held + answered > wanted OR answered <>"
        " (SELECT count(*) FROM annotator_assignment a WHERE a.comparison_id = c.id AND a.state = 'answered'))",
        "wrong_sums": "SELECT abs((SELECT sum(t.answered) FROM annotator_roundtally t JOIN annotator_round r"
        " ON r.id = t.round_id WHERE r.project_id = %s) - (SELECT count(*) FROM annotator_judgment j {of}))",
        "stuck_leases": "SELECT count(*) FROM annotator_assignment a JOIN annotator_comparison c"
        " ON c.id = a.comparison_id JOIN annotator_round r ON r.id = c.round_id"
        " WHERE r.project_id = %s AND a.state = 'held' AND a.leased_until < now() - interval '90 seconds'",
    }
    of = (
        "JOIN annotator_assignment a ON a.id = j.assignment_id JOIN annotator_comparison c ON c.id = a.comparison_id"
        " JOIN annotator_round r ON r.id = c.round_id WHERE r.project_id = %s"
    )
    found: dict[str, int] = {}
    connection.close()
    with connection.cursor() as cursor:
        for name, question in questions.items():
            sql = question.format(of=of)
            cursor.execute(sql, [project] * sql.count("%s"))
            found[name] = int(cursor.fetchone()[0] or 0)
        cursor.execute(f"SELECT j.key FROM annotator_judgment j {of}", [project])
        keys = {str(key) for (key,) in cursor.fetchall()}
    found["lost"] = len(acknowledged - keys)
    found["unknown"] = len(keys - acknowledged)  # stored, and the rater never heard of it
    return found


if __name__ == "__main__":
    raise SystemExit(main())
