"""Every owner's page over a million judgments: python -m bench.pages [--comparisons 100000] [--stored 10]

A fresh instance gets a project of so many comparisons with so many judgments each by
10,000 raters, 3,000 leases, some flags, and six earlier rounds with reward models. Then
its owner opens each page over HTTP:

    first   the slowest of the first 10 requests, among them the first of each web process
    median, p95, slowest   over the next 20

Times are in milliseconds, from the request to the last byte. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

import httpx

from bench.instance import instance
from bench.judging import percentile
from bench.queue_world import RATERS, project_made, raters_made

SLUG = "million"
NEWEST = 7  # number of the round that collects
WARMING, TIMES = 10, 20
MOST_MS = 150

# Three leases for each of a thousand people, and what one in a thousand comparisons is flagged as.
LEASES = """
INSERT INTO annotator_assignment (comparison_id, rater_id, state, first_on_left, leased_until, claimed_at)
SELECT c.id, u.id, 'held', true, now() + u.place * interval '1 second', now() - interval '5 minutes'
  FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM annotator_comparison
         WHERE round_id = %(round)s ORDER BY id DESC LIMIT 3000) c
  JOIN (SELECT id, row_number() OVER (ORDER BY id) AS place FROM annotator_user WHERE username LIKE 'crowd-%%') u
    ON u.place = 1 + c.place %% 1000
    ON CONFLICT DO NOTHING
"""
FLAGS = """
INSERT INTO annotator_flag (assignment_id, kind, created_at)
SELECT a.id, 'broken', now() FROM annotator_assignment a JOIN annotator_comparison c ON c.id = a.comparison_id
 WHERE c.round_id = %(round)s AND c.id %% 1000 = 0 AND a.state = 'answered'
"""
# Everybody preferred the first answer; now three in ten prefer the second. Judgments never change but here.
VOTES = """
SET session_replication_role = replica;
UPDATE annotator_judgment j SET preferred_id = c.second_id, value = 1
  FROM annotator_assignment a JOIN annotator_comparison c ON c.id = a.comparison_id
 WHERE a.id = j.assignment_id AND c.round_id = %(round)s AND abs(hashint8(j.id)) %% 10 < 3;
UPDATE annotator_comparison c SET for_first = v.first, for_second = v.second
  FROM (SELECT a.comparison_id, count(*) FILTER (WHERE j.value < 0) AS first,
               count(*) FILTER (WHERE j.value > 0) AS second
          FROM annotator_judgment j JOIN annotator_assignment a ON a.id = j.assignment_id GROUP BY 1) v
 WHERE v.comparison_id = c.id AND c.round_id = %(round)s;
SET session_replication_role = DEFAULT;
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.pages", description=__doc__.splitlines()[0])
    parser.add_argument("--comparisons", type=int, default=100_000)
    parser.add_argument("--stored", type=int, default=10, help="judgments on each comparison")
    parser.add_argument("--raters", type=int, default=RATERS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tiebreak-bench-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        with instance(home) as environment:
            os.environ |= environment | {"DJANGO_SETTINGS_MODULE": "config.settings"}
            import django

            django.setup()
            session = filled(arguments.comparisons, arguments.stored, arguments.raters)
            print(json.dumps(measured(f"http://127.0.0.1:{environment['TIEBREAK_PORT']}", session)))
    return 0


def filled(comparisons: int, stored: int, raters: int) -> dict[str, str]:
    """The project with all that its pages show; the cookie of its owner."""
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.db import connection

    from annotator.models import Project, Role
    from annotator.sign_in import SessionStore

    began = time.monotonic()
    pk = project_made(SLUG, comparisons=comparisons, wanted=stored + 2, stored=stored, raters=raters_made(raters))
    project = Project.objects.get(pk=pk)
    rounds_past(project)
    with connection.cursor() as cursor:
        for statement in (VOTES, LEASES, FLAGS, "VACUUM ANALYZE"):
            cursor.execute(statement, {"round": project.rounds.get(number=NEWEST).pk} if "%(" in statement else None)
    print(f"{comparisons * stored} judgments, written in {time.monotonic() - began:.0f} s", flush=True)
    owner = project.members.get(role=Role.OWNER).user
    session = SessionStore()
    session[SESSION_KEY] = str(owner.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = owner.get_session_auth_hash()
    session.save()
    return {settings.SESSION_COOKIE_NAME: str(session.session_key)}


def rounds_past(project: object) -> None:
    """Six closed rounds before the one that collects, each with a snapshot and a reward model that was measured."""
    from annotator.models import Checkpoint, CheckpointKind, Project, Round, Snapshot

    assert isinstance(project, Project)
    project.rounds.update(number=NEWEST)
    for number, judgments in enumerate((1000, 2000, 4000, 8000, 16000, 32000), start=1):
        round = Round.objects.create(project=project, number=number, state="closed")
        snapshot = Snapshot.objects.create(
            project=project, round=round, version=number, path=f"v{number}", sha256="0" * 64,
            counts={"judgments": judgments},
        )  # fmt: skip
        accuracy = 0.8 - 2 * judgments**-0.4
        measured = {"value": accuracy, "low": accuracy - 0.03, "high": accuracy + 0.03, "n": 1000}
        Checkpoint.objects.create(
            project=project, kind=CheckpointKind.REWARD, name=f"reward-{number}", base_model="starter",
            snapshot=snapshot, metrics={"reward/accuracy": measured},
        )  # fmt: skip


def addresses() -> dict[str, str]:
    """What each page is called, and where it stands."""
    from annotator.models import Checkpoint, Project, User

    project = Project.objects.get(slug=SLUG)
    prompt = project.prompts.earliest("id")
    checkpoint = Checkpoint.objects.filter(project=project).latest("id")
    rater = User.objects.filter(username__startswith="crowd-").order_by("id")[500]
    p = f"/p/{SLUG}"
    return {
        "home": "/",
        "overview": f"{p}/",
        "numbers": f"{p}/numbers/",
        "numbers, 24 hours": f"{p}/numbers/?span=day",
        "numbers, 400 days": f"{p}/numbers/?span=all&by=number",
        "numbers, throughput drawn": f"{p}/numbers/charts/throughput.light.svg",
        "numbers, agreement drawn": f"{p}/numbers/charts/trend.dark.svg",
        "numbers, value drawn": f"{p}/numbers/charts/value.light.svg",
        **{f"raters by {order}": f"{p}/numbers/raters/?by={order}" for order in ORDERS},
        "raters, a page in the middle": f"{p}/numbers/raters/?by=judgments&after={rater.pk}",
        "rounds": f"{p}/rounds/",
        "a round": f"{p}/rounds/{NEWEST}/",
        "a round, its live part": f"{p}/rounds/{NEWEST}/status/",
        "launch": f"{p}/rounds/{NEWEST}/launch/",
        "runs": f"{p}/runs/",
        "checkpoints": f"{p}/checkpoints/",
        "a checkpoint": f"{p}/checkpoints/{checkpoint.pk}/",
        "leaderboard": f"{p}/leaderboard/",
        "agreement": f"{p}/agreement/",
        "agreement in a round": f"{p}/agreement/?round={NEWEST}",
        "snapshots": f"{p}/snapshots/",
        "a snapshot": f"{p}/snapshots/2/",
        "prompts": f"{p}/prompts/",
        "prompts, a page in the middle": f"{p}/prompts/?before={prompt.pk + 5000}",
        "prompts that contain a word": f"{p}/prompts/?words=order",
        "a prompt": f"{p}/prompts/{prompt.pk}/",
        "protocol": f"{p}/protocol/",
        "guidelines": f"{p}/guidelines/",
        "gold": f"{p}/gold/",
        "flags": f"{p}/flags/",
        "members": f"{p}/members/",
        "members, a page in the middle": f"{p}/members/?after={rater.username}",
        "settings": f"{p}/settings/",
    }


ORDERS = ("judgments", "skips", "seconds", "pace", "left", "last", "name")


def measured(address: str, session: dict[str, str]) -> dict[str, float | list[str]]:
    print("| page | first | median | p95 | slowest |\n|---|---|---|---|---|")
    medians, p95s, over = [], {}, []
    with httpx.Client(base_url=address, cookies=session, timeout=300) as client:
        for name, path in addresses().items():
            first = max(spent(client, path) for _time in range(WARMING))
            times = [spent(client, path) for _time in range(TIMES)]
            medians.append(statistics.median(times))
            p95s[name] = percentile(times, 0.95)
            if p95s[name] > MOST_MS:
                over.append(name)
            print(f"| {name} | {first:.0f} | {medians[-1]:.0f} | {p95s[name]:.0f} | {max(times):.0f} |", flush=True)
        began = time.perf_counter()
        file = client.get(f"/p/{SLUG}/numbers/hours.csv?first=2000-01-01&last=2100-01-01").raise_for_status()
        seconds = time.perf_counter() - began
    lines = file.text.count("\n") - 1
    print(f"hours of everybody: {lines} lines in {seconds:.2f} s")
    return {
        "pages": len(p95s),
        "median_ms": round(statistics.median(medians), 1),
        "slowest_median_ms": round(max(medians), 1),
        "slowest_p95_ms": round(max(p95s.values()), 1),
        f"p95_over_{MOST_MS}_ms": over,
        "hours_csv_s": round(seconds, 2),
    }


def spent(client: httpx.Client, path: str) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    client.get(path).raise_for_status()
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    raise SystemExit(main())
