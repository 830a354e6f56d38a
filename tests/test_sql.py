"""Statements by hand: what they keep, and what they do while others wait."""

from __future__ import annotations

import gc
import signal
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import DataError, IntegrityError, OperationalError, connection, transaction

from annotator import sql


@pytest.mark.django_db
def test_a_connection_that_was_closed_is_let_go() -> None:
    """Each thread of a server has one, and some thousand of them come and go."""

    def asked() -> tuple[list[Any], weakref.ref[Any]]:
        found = sql.rows("SELECT %s::text, %s::timestamptz", ["é", datetime(2026, 1, 2, tzinfo=UTC)])
        ours = weakref.ref(connection.connection)
        connection.close()
        return found, ours

    with ThreadPoolExecutor(1) as other:
        found, ours = other.submit(asked).result()
    gc.collect()

    assert found == [("é", datetime(2026, 1, 2, tzinfo=UTC))]
    assert ours() is None


@pytest.mark.django_db
def test_statements_are_answered_ahead_inside_the_transaction_while_others_wait_for_their_turn() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE noted (number int) ON COMMIT DROP")
        cursor.execute("INSERT INTO noted VALUES (1), (2)")
        with sql.Ahead() as ahead:
            taken = ahead.asked(
                ["SELECT number + %(more)s::int FROM noted ORDER BY 1", "SELECT %(word)s::text"],
                {"more": 1, "word": "é"},
            )
            cursor.execute("INSERT INTO noted VALUES (9)")

            assert taken() == [[(2,), (3,)], [("é",)]]


@pytest.mark.django_db
def test_threads_take_turns_as_ever_once_nothing_is_asked_ahead() -> None:
    before = sys.getswitchinterval()

    with sql.Ahead():
        within = sys.getswitchinterval()

    assert within < before
    assert sys.getswitchinterval() == before


@pytest.mark.django_db
def test_what_goes_wrong_ahead_is_raised_where_its_rows_are_taken() -> None:
    def asked() -> None:
        with transaction.atomic(), sql.Ahead() as ahead:
            ahead.asked(["SELECT 1 / %(n)s::int"], {"n": 0})()

    with pytest.raises(DataError, match="division by zero"):
        asked()


def counted() -> int:
    [(n,)] = sql.rows("SELECT count(*) FROM django_session")
    return int(n)


def session_said(name: str, data: str = "") -> sql.Question:
    statement = """INSERT INTO django_session (session_key, session_data, expire_date)
                   VALUES (%(name)s, %(data)s, now()) RETURNING session_data"""
    return sql.Question(statement, {"name": name, "data": data})


@pytest.mark.django_db(transaction=True)
def test_questions_that_go_together_see_each_other_in_one_transaction() -> None:
    whose = "SELECT session_data, xmin = pg_current_xact_id()::xid FROM django_session WHERE session_key = %(name)s"
    asked = [session_said("a", "é"), sql.Question(whose, {"name": "a"}), sql.Question(whose, {"name": "b"})]

    sql.together(asked)

    assert [one.answer for one in asked] == [[("é",)], [("é", True)], []]
    assert counted() == 1


@pytest.mark.django_db(transaction=True)
def test_when_one_of_them_fails_nothing_is_done_and_each_is_asked_by_itself() -> None:
    first, second, third = asked = [
        session_said("a"), sql.Question("SELECT 1 / %(n)s::int", {"n": 0}), session_said("b")
    ]  # fmt: skip

    sql.together(asked)

    assert [one.answer for one in asked] == [None, None, None]
    assert counted() == 0
    assert (first.rows(), third.rows()) == ([("",)], [("",)])
    with pytest.raises(DataError, match="division by zero"):
        second.rows()
    assert counted() == 2


@pytest.mark.django_db(transaction=True)
def test_what_fails_where_the_transaction_ends_was_not_done_either_and_the_connection_stays() -> None:
    nobody = sql.Question(
        """INSERT INTO annotator_acknowledgement (guideline_id, user_id, created_at)
           VALUES (%(id)s, %(id)s, now()) RETURNING id""",
        {"id": 10**9},
    )  # Django's foreign keys are looked up at the end

    sql.together([session_said("a"), nobody])

    assert nobody.answer is None
    assert counted() == 0
    with pytest.raises(IntegrityError, match="annotator_acknowledgement"):
        nobody.rows()


@pytest.mark.django_db(transaction=True)
def test_a_question_that_postgres_does_not_understand_leaves_the_others_to_themselves() -> None:
    first = session_said("a")

    sql.together([first, sql.Question("SELECT nothing_of_this_name", {})])

    assert (first.answer, counted()) == (None, 0)


@pytest.mark.django_db(transaction=True)
def test_who_is_called_away_in_the_middle_leaves_no_connection_behind_that_answers_others() -> None:
    def called_away(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, called_away)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(KeyboardInterrupt):
            sql.together([sql.Question("SELECT pg_sleep(1)", {}), sql.Question("SELECT 1", {})])
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    assert not connection.is_usable()
    connection.close()
    assert sql.rows("SELECT 2") == [(2,)]


@pytest.mark.django_db(transaction=True)
def test_more_than_fits_between_two_sockets_goes_both_ways() -> None:
    """Postgres sends the first answer while the last question is still on its way."""
    texts = [letter * 3_000_000 for letter in "abc"]
    asked = [sql.Question("SELECT %(text)s::text", {"text": text}) for text in texts]

    sql.together(asked)

    assert [one.answer for one in asked] == [[(text,)] for text in texts]


@pytest.mark.django_db(transaction=True)
def test_a_postgres_that_goes_away_between_two_questions_is_an_error_and_not_an_answer() -> None:
    ending = sql.Question("SELECT pg_terminate_backend(pg_backend_pid())", {})

    with pytest.raises(OperationalError):
        sql.together([session_said("a"), ending, session_said("b")])

    connection.close_if_unusable_or_obsolete()  # as at the end of a request
    assert counted() == 0
