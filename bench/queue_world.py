"""Projects of any size for measuring the queue, written into a running instance's database in a few statements."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import psycopg

RATERS = 10_000
PAIRS_OF_PROMPT = 10  # five answers to a prompt, each against each
ANSWERS = 5
LEASE_MINUTES = 600  # nothing lapses while somebody measures
PROMPT = "My order %s has not arrived yet, although it was promised for last week. What should I do now? "
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


@dataclass(frozen=True)
class Rater:
    """Somebody who has signed in."""

    user: int
    session: str


def raters_made(count: int = RATERS) -> list[Rater]:
    """Users with a session each, as if they had all signed in this morning. Needs Django set up on the instance."""
    from datetime import timedelta

    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore
    from django.contrib.sessions.models import Session
    from django.utils import timezone

    from annotator.models import User

    User.objects.bulk_create(
        [User(username=f"crowd-{number:05}", password=f"!{secrets.token_hex(20)}") for number in range(count)],
        batch_size=2000,
    )
    users = list(User.objects.filter(username__startswith="crowd-").order_by("id"))
    store, until, raters, sessions = SessionStore(), timezone.now() + timedelta(days=1), [], []
    for user in users:
        key = secrets.token_hex(16)
        data = {
            SESSION_KEY: str(user.pk),
            BACKEND_SESSION_KEY: "django.contrib.auth.backends.ModelBackend",
            HASH_SESSION_KEY: user.get_session_auth_hash(),
        }
        sessions.append(Session(session_key=key, session_data=store.encode(data), expire_date=until))
        raters.append(Rater(user.pk, key))
    Session.objects.bulk_create(sessions, batch_size=2000)
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
    prompts = max(comparisons // PAIRS_OF_PROMPT, 1)
    db.execute("SET session_replication_role = replica")  # the sums are set below, so no trigger need count row by row
    db.execute("SET synchronous_commit = off")
    db.execute("SET maintenance_work_mem = '512MB'")
    (round_id,) = db.execute(
        "INSERT INTO annotator_round (project_id, number, state, settings, created_at, opened_at)"
        " VALUES (%s, 1, 'collecting', '{}', now(), now()) RETURNING id",
        [project],
    ).fetchone() or (0,)
    db.execute(
        "INSERT INTO annotator_prompt (project_id, messages, content_sha256, split, tags, source, created_at)"
        " SELECT %(project)s, jsonb_build_array(jsonb_build_object('role', 'user', 'content', replace(%(text)s, '%%s', n::text))),"
        " md5(%(project)s || 'p' || n) || md5(n::text), CASE WHEN n %% 10 = 0 THEN 'holdout' ELSE 'train' END, '{}', 'bench', now()"
        " FROM generate_series(1, %(prompts)s) n",
        {"project": project, "text": PROMPT.replace("%s", "%s"), "prompts": prompts},
    )
    db.execute(
        "INSERT INTO annotator_response (prompt_id, text, text_sha256, sample, finish, sampling, author, created_at)"
        " SELECT p.id, 'Dear customer ' || p.id || ', ' || t.text, md5(p.id || '-' || s) || md5(p.id::text), 0, '', '{}', 'model ' || s, now()"
        " FROM annotator_prompt p CROSS JOIN generate_series(1, %(answers)s) s"
        " CROSS JOIN LATERAL (SELECT string_agg(line, ' ' ORDER BY md5(p.id || '-' || s || line)) AS text"
        "                       FROM unnest(%(lines)s::text[]) line) t"
        " WHERE p.project_id = %(project)s",
        {"project": project, "answers": ANSWERS, "lines": list(SENTENCES)},
    )
    db.execute(
        "INSERT INTO annotator_comparison (round_id, prompt_id, first_id, second_id, wanted, held, answered, created_at)"
        " SELECT %(round)s, a.prompt_id, a.id, b.id, %(wanted)s, 0, %(stored)s, now()"
        " FROM annotator_response a JOIN annotator_response b ON b.prompt_id = a.prompt_id AND a.id < b.id"
        " JOIN annotator_prompt p ON p.id = a.prompt_id WHERE p.project_id = %(project)s"
        " ORDER BY md5(a.id || '-' || b.id)",
        {"round": round_id, "project": project, "wanted": wanted, "stored": stored},
    )
    if stored:
        _judged(db, project, round_id, stored, users)
    for table in ("prompt", "response", "comparison", "assignment", "judgment", "member", "acknowledgement"):
        db.execute(f"VACUUM ANALYZE annotator_{table}")  # type: ignore[arg-type]
    db.execute("CHECKPOINT")


def _judged(db: psycopg.Connection, project: int, round_id: int, stored: int, users: list[int]) -> None:
    """Every comparison judged by `stored` raters who stand next to each other in the list."""
    db.execute(
        "INSERT INTO annotator_assignment (comparison_id, rater_id, state, first_on_left, leased_until, claimed_at, ended_at)"
        " SELECT c.id, (%(users)s::bigint[])[1 + (c.id * 7 + s) %% %(count)s], 'answered', (c.id + s) %% 2 = 0, now(), now(), now()"
        " FROM annotator_comparison c CROSS JOIN generate_series(1, %(stored)s) s WHERE c.round_id = %(round)s",
        {"users": users, "count": len(users), "stored": stored, "round": round_id},
    )
    db.execute(
        "INSERT INTO annotator_judgment (assignment_id, key, outcome, value, preferred_id, preset, answer, protocol_id,"
        " criteria, ratings, reasons, rationale, edited, seconds, created_at)"
        " SELECT a.id, gen_random_uuid(), 'prefer', v.value, CASE WHEN v.value < 0 THEN c.first_id ELSE c.second_id END,"
        " 'five_point', 'a', (SELECT max(id) FROM annotator_protocol WHERE project_id = %(project)s),"
        " '{}', '{}', '[]', '', '', 20, now()"
        " FROM annotator_assignment a JOIN annotator_comparison c ON c.id = a.comparison_id"
        " CROSS JOIN LATERAL (SELECT CASE WHEN hashint8(a.id) %% 3 = 0 THEN 1.0 ELSE -1.0 END AS value) v"
        " WHERE c.round_id = %(round)s",
        {"project": project, "round": round_id},
    )
