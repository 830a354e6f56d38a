"""The leaderboard over a million judgments: python -m bench.leaderboard [--judgments 1000000] [--requests 60]

A fresh instance gets a project with 20 imported models, 200 raters and so many judgments, written straight into its
database. Then its owner asks for the page over HTTP:

    cold   the first request of each web process: everything is counted
    warm   the same again, nothing having happened
    after  each time after one more judgment
    style  the same three with style control, which reads the newest 20,000 judgments

The last line is one JSON object; times are in milliseconds, from the request to the last byte.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import tempfile
import time
from pathlib import Path

import httpx

from bench.instance import instance, manage
from bench.judging import percentile
from deploy.instance import logins_read

MODELS, RATERS, PAIRS_PER_PROMPT, EACH = 20, 200, 100, 2
WEB_PROCESSES = 2

# Triggers and foreign keys are off while a million rows go in; what they would keep is written right.
FILL = """
SET session_replication_role = replica;
INSERT INTO annotator_round (id, project_id, number, state, settings, created_at)
  VALUES (900001, {project}, 1, 'closed', '{{}}', now());
INSERT INTO annotator_user (id, password, is_superuser, username, first_name, last_name, email, is_staff, is_active,
    date_joined, keys)
  SELECT 900000 + r, '!', false, 'bench-' || r, '', '', '', false, false, now(), '{{}}'
  FROM generate_series(0, {raters} - 1) r;
INSERT INTO annotator_prompt (id, project_id, messages, content_sha256, split, tags, source, created_at)
  SELECT 1000000 + p, {project}, '[{{"role": "user", "content": "Question"}}]', md5('' || p), 'train', '{{}}', '', now()
  FROM generate_series(0, {prompts} - 1) p;
INSERT INTO annotator_response (id, prompt_id, text, text_sha256, sample, finish, sampling, author, created_at)
  SELECT 1000000 + p * {models} + m, 1000000 + p, repeat('An answer, **bold** or not. ', 5 + (p * 7 + m * 3) % 20),
         md5(p || '-' || m), 0, '', '{{}}', 'model ' || m, now()
  FROM generate_series(0, {prompts} - 1) p, generate_series(0, {models} - 1) m;
WITH pairs AS (SELECT a, b, row_number() OVER (ORDER BY a, b) - 1 AS n
               FROM generate_series(0, {models} - 1) a, generate_series(0, {models} - 1) b WHERE a < b)
INSERT INTO annotator_comparison (id, round_id, prompt_id, first_id, second_id, wanted, held, answered, created_at)
  SELECT 1000000 + p * {per_prompt} + k, 900001, 1000000 + p, 1000000 + p * {models} + a, 1000000 + p * {models} + b,
         {each}, 0, {each}, now()
  FROM generate_series(0, {prompts} - 1) p, generate_series(0, {per_prompt} - 1) k
  JOIN pairs ON true WHERE pairs.n = (p * 13 + k) % (SELECT count(*) FROM pairs);
INSERT INTO annotator_assignment (id, comparison_id, rater_id, state, first_on_left, leased_until, claimed_at, ended_at)
  SELECT 1000000 + (c.id - 1000000) * {each} + e, c.id, 900000 + (c.id * 7 + e * 101) % {raters}, 'answered',
         random() < 0.5, now(), now(), now()
  FROM annotator_comparison c, generate_series(0, {each} - 1) e WHERE c.round_id = 900001;
INSERT INTO annotator_judgment (assignment_id, key, outcome, value, preferred_id, preset, answer, criteria, ratings,
    reasons, rationale, edited, seconds, created_at)
  SELECT a.id, gen_random_uuid(), CASE WHEN d.v = 0 THEN 'tie' ELSE 'prefer' END, d.v,
         CASE WHEN d.v < 0 THEN c.first_id WHEN d.v > 0 THEN c.second_id END,
         'arena', 'a', '{{}}', '{{}}', '[]', '', '', 10, now() - interval '1 day'
  FROM annotator_assignment a JOIN annotator_comparison c ON c.id = a.comparison_id
  CROSS JOIN LATERAL (
    SELECT CASE WHEN u < 0.15 THEN 0
                WHEN u < 0.15 + 0.85 / (1 + exp((c.first_id % {models} - c.second_id % {models}) * 0.08)) THEN -1
                ELSE 1 END AS v
    FROM (SELECT random() + 0 * a.id AS u) drawn) d
  WHERE c.round_id = 900001 ORDER BY a.id;
SET session_replication_role = DEFAULT;
ANALYZE;
"""
ONE_MORE = """
SET session_replication_role = replica;
WITH held AS (
  INSERT INTO annotator_assignment (comparison_id, rater_id, state, first_on_left, leased_until, claimed_at, ended_at)
    VALUES ({comparison}, 900000 + {rater}, 'answered', true, now(), now(), now()) RETURNING id)
INSERT INTO annotator_judgment (assignment_id, key, outcome, value, preferred_id, preset, answer, criteria, ratings,
    reasons, rationale, edited, seconds, created_at)
  SELECT id, gen_random_uuid(), 'tie', 0, NULL, 'arena', 'tie', '{{}}', '{{}}', '[]', '', '', 10, now() FROM held;
"""


def fill(judgments: int) -> None:
    """Inside the instance's own settings: a project of the demo's owner with so many judgments."""
    from django.db import connection

    from annotator.models import User
    from annotator.services.projects import project_create

    owner = User.objects.filter(is_staff=True).earliest("pk")
    project = project_create(owner=owner, name="Big", slug="big", base_model="starter")
    with connection.cursor() as cursor:
        cursor.execute(
            FILL.format(
                project=project.pk, models=MODELS, raters=RATERS, per_prompt=PAIRS_PER_PROMPT, each=EACH,
                prompts=judgments // PAIRS_PER_PROMPT // EACH,
            )
        )  # fmt: skip


def one_more(number: int) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(ONE_MORE.format(comparison=1_000_000 + number, rater=(number * 7 + 53) % RATERS))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.leaderboard", description=__doc__.splitlines()[0])
    parser.add_argument("--judgments", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=60)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tiebreak-bench-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        with instance(home) as environment:
            began = time.monotonic()
            inside(environment, f"fill({arguments.judgments})")
            print(f"{arguments.judgments:,} judgments written in {time.monotonic() - began:.0f} s", flush=True)
            password = logins_read(home / "logins.json")["owner"]["password"]
            with httpx.Client(base_url=f"http://127.0.0.1:{environment['TIEBREAK_PORT']}", timeout=300) as client:
                sign_in(client, password)
                found: dict[str, float | int] = {"judgments": arguments.judgments}
                for name, query in (("page", ""), ("style", "?style=1")):
                    found |= measured(client, environment, name, f"/p/big/leaderboard/{query}", arguments.requests)
                    print(json.dumps(found), flush=True)
    print(json.dumps(found))
    return 0


def measured(
    client: httpx.Client, environment: dict[str, str], name: str, address: str, requests: int
) -> dict[str, float | int]:
    times = [milliseconds(client, address) for _request in range(10 * WEB_PROCESSES)]  # reaches both processes
    warm = [milliseconds(client, address) for _request in range(requests)]
    after: list[float] = []
    for _judgment in range(5):
        inside(environment, f"one_more({len(after) + (100 if '?' in address else 0)})")
        after.append(milliseconds(client, address))
    return {
        f"{name}_cold": round(statistics.mean(sorted(times)[-WEB_PROCESSES:])),
        f"{name}_warm_median": round(statistics.median(warm), 1),
        f"{name}_warm_p95": round(percentile(warm, 0.95), 1),
        f"{name}_after_median": round(statistics.median(after), 1),
        f"{name}_after_slowest": round(max(after), 1),
    }


def milliseconds(client: httpx.Client, address: str) -> float:
    began = time.perf_counter()
    answer = client.get(address)
    answer.raise_for_status()
    assert "Ratings" in answer.text
    return (time.perf_counter() - began) * 1000


def sign_in(client: httpx.Client, password: str) -> None:
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', client.get("/login/").text)
    assert token
    form = {"csrfmiddlewaretoken": token[1], "username": "owner", "password": password}
    assert client.post("/login/", data=form, headers={"Referer": str(client.base_url)}).status_code == 302


def inside(environment: dict[str, str], call: str) -> None:
    manage(environment, "shell", "--no-imports", "-c", f"from bench.leaderboard import *; {call}")


if __name__ == "__main__":
    raise SystemExit(main())
