"""Who has signed in stays so, and nobody else: the session and its user are read each time, together."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.models import QuerySet
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from annotator import sign_in, sql
from annotator.models import User
from tests.cast import Cast
from tests.factories import PASSWORD

PAGE = reverse("judge-mine", args=["shop"])


@pytest.fixture
def ann(cast: Cast) -> Client:
    """A browser that has opened a page before, so that the process knows whose session it has."""
    client = Client()
    client.force_login(cast.ann)
    assert is_in(client)
    return client


def is_in(client: Client) -> bool:
    return client.get(PAGE).status_code == 200


def session_of(client: Client) -> QuerySet[Session]:
    return Session.objects.filter(session_key=client.cookies[settings.SESSION_COOKIE_NAME].value)


def test_a_session_and_its_user_are_one_statement(ann: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def rows(statement: str, parameters: object = ()) -> object:
        asked.append(statement)
        return sql.rows(statement, parameters)  # type: ignore[arg-type]

    monkeypatch.setattr(sign_in, "rows", rows)
    with CaptureQueriesContext(connection) as others:
        assert is_in(ann)

    assert asked == [sign_in.OPEN]
    assert not any("django_session" in one["sql"] or 'annotator_user" WHERE' in one["sql"] for one in others)


def test_a_session_that_is_gone_opens_nothing(ann: Client) -> None:
    Session.objects.all().delete()
    assert not is_in(ann)


def test_a_session_that_has_run_out_opens_nothing(ann: Client) -> None:
    Session.objects.update(expire_date=timezone.now())
    assert not is_in(ann)


def test_who_is_no_longer_active_is_out_at_once(ann: Client, cast: Cast) -> None:
    User.objects.filter(pk=cast.ann.pk).update(is_active=False)
    assert not is_in(ann)


def test_a_new_password_ends_the_sessions_of_the_old_one(ann: Client, cast: Cast) -> None:
    cast.ann.set_password("an entirely new one")
    cast.ann.save()
    assert not is_in(ann)


def test_who_was_deleted_is_out_at_once(client: Client, db: None) -> None:
    client.force_login(User.objects.create_user("guest"))
    before = client.get(PAGE).wsgi_request.user
    User.objects.filter(username="guest").delete()
    assert before.is_authenticated
    assert not client.get(PAGE).wsgi_request.user.is_authenticated


def test_who_signs_in_with_the_browser_of_another_is_not_taken_for_them(ann: Client, cast: Cast) -> None:
    ann.post(reverse("logout"))
    assert not is_in(ann)

    ann.post(reverse("login"), {"username": cast.olga.username, "password": PASSWORD})
    for _time in range(2):
        assert ann.get(PAGE).wsgi_request.user == cast.olga


def test_what_changes_within_one_request_is_not_remembered_for_the_next(ann: Client) -> None:
    session = ann.session
    session["seen"] = [1]
    session.save()
    for _time in range(2):
        store = sign_in.SessionStore(session.session_key)
        store["seen"].append(2)
        assert store["seen"] == [1, 2]


def test_a_session_that_says_something_else_now_is_believed(ann: Client, cast: Cast) -> None:
    """As when somebody else signs in with the same browser: never the user from before."""
    other = Client()
    other.force_login(cast.olga)
    taken = session_of(other).get().session_data
    session_of(ann).update(session_data=taken)

    for _time in range(2):
        assert ann.get(PAGE).wsgi_request.user == cast.olga


def test_data_that_nobody_here_signed_opens_nothing(ann: Client) -> None:
    data = Session.objects.get().session_data
    Session.objects.update(session_data=data[:-1] + ("a" if data[-1] != "a" else "b"))
    for _time in range(2):
        assert not is_in(ann)
