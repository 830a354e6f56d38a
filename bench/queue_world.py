"""Projects of any size for measuring the queue, written into a running instance's database in a few statements."""

from __future__ import annotations

import hashlib
import random
import secrets
from dataclasses import dataclass

import psycopg
from psycopg.sql import SQL, Identifier

RATERS = 10_000
PAIRS_OF_PROMPT = 10  # five answers to a prompt, each against each
ANSWERS = 5
LEASE_MINUTES = 600  # nothing lapses while somebody measures
POOL = 2_000  # different texts of each kind; their HTML is stored beforehand, as a round's is when it opens
SENTENCES = (
    "Thank you for writing to us, and we are sorry about the wait.",
    "Please tell us the order number and the address it should go to.",
    "You will find the state of the parcel under **Orders** in your account.",
    "If nothing moves within two days, we send a second one or return the money.",
    "- Keep the receipt\n- Keep the message of the carrier\n- Answer to this letter",
    "Our desk is open from eight to six, and a person reads every letter.",
    "We have asked the carrier, who says that it left the depot on Monday.",
    "A refund takes three to five days to reach your bank, as your bank decides.",
)
PROMPTS = [
    f"My order {number} has not arrived yet, although it was promised for last week. What should I do now?"
    for number in range(POOL)
]
TEXTS = [
    f"Dear customer {number}, " + " ".join(random.Random(number).sample(SENTENCES, len(SENTENCES)))
    for number in range(POOL)
]


@dataclass(frozen=True)
class Rater:
    """Somebody who has signed in."""

    user: int
    session: str


def raters_made(count: int = RATERS) -> list[Rater]:
    """Users with a session each, as if they had all signed in this morning. Needs Django set up on the instance."""
    from datetime import timedelta

    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.models import Session
    from django.utils import timezone

    from annotator.models import User
    from annotator.services.renderings import renderings_ensure
    from annotator.sign_in import SessionStore

    User.objects.bulk_create(
        [User(username=f"crowd-{number:05}", password=f"!{secrets.token_hex(20)}") for number in range(count)],
        batch_size=2000,
    )
    users = list(User.objects.filter(username__startswith="crowd-").order_by("id"))
    store, until, raters, sessions = SessionStore(), timezone.now() + timedelta(days=1), [], []
    for user in users:
        key = f"{user.pk:032x}"  # so that a script without Python can name it
        data = {
            SESSION_KEY: str(user.pk),
            BACKEND_SESSION_KEY: settings.AUTHENTICATION_BACKENDS[0],
            HASH_SESSION_KEY: user.get_session_auth_hash(),
        }
        sessions.append(Session(session_key=key, session_data=store.encode(data), expire_date=until))
        raters.append(Rater(user.pk, key))
    Session.objects.bulk_create(sessions, batch_size=2000)
    renderings_ensure([*PROMPTS, *TEXTS])
    return raters


def project_made(slug: str, *, comparisons: int, wanted: int, stored: int, raters: list[Rater]) -> int:
    """A collecting project of this size with `stored` judgments on each comparison; its id."""
    from django.db import connection

    from annotator.models import Acknowledgement, Member, Role, User
    from annotator.services.projects import project_create

    owner = User.objects.filter(is_staff=True).earliest("id")
    project = project_create(
        owner=owner, name=slug, slug=slug, guideline="Which answer helps more?", lease_minutes=LEASE_MINUTES
    )
    guideline = project.guidelines.get()
    Member.objects.bulk_create(
        [
            Member(project=project, user_id=one.user, role=Role.RATER, shown_around_at=project.created_at)
            for one in raters
        ],
        batch_size=2000,
    )
    Acknowledgement.objects.bulk_create(
        [Acknowledgement(guideline=guideline, user_id=one.user) for one in raters], batch_size=2000
    )
    settings = connection.settings_dict
    with psycopg.connect(
        host=settings["HOST"], dbname=settings["NAME"], user=settings["USER"], autocommit=True
    ) as direct:
        _fill(direct, project.pk, comparisons, wanted, stored, [one.user for one in raters])
    return int(project.pk)


def _fill(db: psycopg.Connection, project: int, comparisons: int, wanted: int, stored: int, users: list[int]) -> None:
    from annotator.models import Stretch

    prompts = max(comparisons // PAIRS_OF_PROMPT, 1)
    db.execute("SET session_replication_role = replica")  # the sums are set below, so no trigger need count row by row
    db.execute("SET synchronous_commit = off")
    db.execute("SET maintenance_work_mem = '512MB'")
    found = db.execute(
        "INSERT INTO annotator_round (project_id, number, state, settings, created_at, opened_at)"
        " VALUES (%s, 1, 'collecting', '{}', now(), now()) RETURNING id",
        [project],
    ).fetchone()
    assert found
    values = {
        "project": project, "round": found[0], "prompts": prompts, "answers": ANSWERS, "wanted": wanted,
        "stored": stored, "users": users, "count": len(users), "prompt_texts": PROMPTS, "texts": TEXTS,
        "sums": [hashlib.sha256(text.encode()).hexdigest() for text in TEXTS], "span": Stretch.SPAN,
    }  # fmt: skip
    for statement in (
        PROMPT_ROWS,
        RESPONSE_ROWS,
        COMPARISON_ROWS,
        *((ASSIGNMENT_ROWS, JUDGMENT_ROWS, STRETCH_ROWS, HOUR_ROWS) if stored else ()),
    ):
        db.execute(statement, values)
    for table in (
        "prompt",
        "response",
        "comparison",
        "assignment",
        "judgment",
        "member",
        "acknowledgement",
        "rendering",
        "raterhour",
        "stretch",
    ):
        db.execute(SQL("VACUUM ANALYZE {}").format(Identifier(f"annotator_{table}")))
    db.execute("CHECKPOINT")
    db.execute(TALLY_ROWS, values)  # at the end: they tell the worker that there is something to be found out
    db.execute("VACUUM ANALYZE annotator_roundtally")


PROMPT_ROWS = """
INSERT INTO annotator_prompt (project_id, messages, content_sha256, split, tags, source, created_at)
SELECT %(project)s,
       jsonb_build_array(jsonb_build_object(
           'role', 'user', 'content', (%(prompt_texts)s::text[])[1 + n %% cardinality(%(prompt_texts)s::text[])])),
       md5(%(project)s || 'p' || n) || md5(n::text), CASE WHEN n %% 10 = 0 THEN 'holdout' ELSE 'train' END, '{}',
       'bench', now()
  FROM generate_series(1, %(prompts)s) n
"""
RESPONSE_ROWS = """
INSERT INTO annotator_response (prompt_id, text, text_sha256, sample, finish, sampling, author, created_at)
SELECT p.id, (%(texts)s::text[])[t.at], (%(sums)s::text[])[t.at], 0, '', '{}', 'model ' || s, now()
  FROM annotator_prompt p CROSS JOIN generate_series(1, %(answers)s) s
 CROSS JOIN LATERAL (SELECT 1 + ((p.id * 7919 + s * 104729) %% cardinality(%(texts)s::text[]))::int AS at) t
 WHERE p.project_id = %(project)s
"""
COMPARISON_ROWS = """
INSERT INTO annotator_comparison (round_id, prompt_id, first_id, second_id, wanted, held, answered, for_first,
                                  for_second, level, audience, is_control, priority, score, created_at)
SELECT %(round)s, a.prompt_id, a.id, b.id, %(wanted)s, 0, %(stored)s, %(stored)s, 0, 0, '', false, 0, 0, now()
  FROM annotator_response a JOIN annotator_response b ON b.prompt_id = a.prompt_id AND a.id < b.id
  JOIN annotator_prompt p ON p.id = a.prompt_id WHERE p.project_id = %(project)s
 ORDER BY md5(a.id || '-' || b.id)
"""
ASSIGNMENT_ROWS = """
INSERT INTO annotator_assignment (comparison_id, rater_id, state, first_on_left, leased_until, claimed_at, ended_at)
SELECT c.id, (%(users)s::bigint[])[1 + (c.id * 7 + s) %% %(count)s], 'answered', (c.id + s) %% 2 = 0, now(), now(),
       now() - s * interval '1 hour'
  FROM annotator_comparison c CROSS JOIN generate_series(1, %(stored)s) s WHERE c.round_id = %(round)s
"""
JUDGMENT_ROWS = """
INSERT INTO annotator_judgment (assignment_id, key, outcome, value, preferred_id, preset, answer, protocol_id,
                                criteria, ratings, reasons, rationale, edited, seconds, created_at)
SELECT a.id, gen_random_uuid(), 'prefer', -1, c.first_id, 'five_point', 'a',
       (SELECT max(id) FROM annotator_protocol WHERE project_id = %(project)s), '{}', '{}', '[]', '', '', 20, a.ended_at
  FROM annotator_assignment a JOIN annotator_comparison c ON c.id = a.comparison_id WHERE c.round_id = %(round)s
"""
STRETCH_ROWS = """
INSERT INTO annotator_stretch (round_id, number)
SELECT DISTINCT %(round)s::bigint, j.id / %(span)s
  FROM annotator_judgment j JOIN annotator_assignment a ON a.id = j.assignment_id
  JOIN annotator_comparison c ON c.id = a.comparison_id WHERE c.round_id = %(round)s
"""
TALLY_ROWS = """
INSERT INTO annotator_roundtally (round_id, shard, comparisons, wanted, answered, set_aside, decided)
SELECT round_id, 0, count(*), sum(wanted), sum(answered), 0, sum(for_first) FROM annotator_comparison
 WHERE round_id = %(round)s GROUP BY round_id
"""
HOUR_ROWS = """
INSERT INTO annotator_raterhour (round_id, rater_id, hour, answered, skipped, decided, "left", seconds)
SELECT %(round)s, a.rater_id, date_trunc('hour', a.ended_at, 'UTC') AS hour, count(*), 0, count(*),
       count(*) FILTER (WHERE a.first_on_left), 20 * count(*)
  FROM annotator_assignment a JOIN annotator_comparison c ON c.id = a.comparison_id
 WHERE c.round_id = %(round)s GROUP BY a.rater_id, hour
"""
