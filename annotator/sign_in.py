"""Who is there: the session and its user, which every page asks for first, in one prepared statement."""

from __future__ import annotations

from typing import Any, cast

from django.conf import settings
from django.contrib import auth
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessions
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from annotator.models import User
from annotator.selectors.kept import Shelf
from annotator.sql import Part, rows

USER = Part(User, "u", *(field.name for field in User._meta.concrete_fields if field.name != "date_joined"))
OPEN = f"""
SELECT s.session_data, {USER.columns}
  FROM django_session s LEFT JOIN annotator_user u ON u.id = %s
 WHERE s.session_key = %s AND s.expire_date > statement_timestamp()
"""
PERSON = f"SELECT {USER.columns} FROM annotator_user u WHERE id = %s"

# Session key → what was stored under it, and what that says. It spares no look at the session: it tells
# whose row to read along, and that what is signed alike need not be checked again.
SAID = Shelf(room=20_000)
AN_HOUR = 3600.0  # seconds


class SessionStore(DatabaseSessions):
    """Django's sessions in the database, read without building a query each time.

    person  the user's row as it was read with the session; None where it was not known yet whose it is
    """

    person: User | None = None

    def load(self) -> dict[str, Any]:
        key = self.session_key or ""
        kept: tuple[str, dict[str, Any]] | None = SAID.get(key)
        stored, said = kept or ("", {})
        found = rows(OPEN, [said.get(auth.SESSION_KEY), key]) if key else []
        if not found:
            self._session_key = None
            return {}
        [(data, *person)] = found
        if data != stored:
            said = self.decode(data)
            if all(isinstance(value, str) for value in said.values()):  # so that a copy shares nothing that changes
                SAID.put(key, (data, said), seconds=AN_HOUR)
            return dict(said)
        self.person = USER.made(person) if person[0] is not None else None
        return dict(said)


class PasswordBackend(ModelBackend):
    """Django's user names and passwords; the user of a session is read like it."""

    def get_user(self, user_id: Any) -> User | None:
        found = rows(PERSON, [int(user_id)])
        user: User | None = USER.made(found[0]) if found else None
        return user if user and self.user_can_authenticate(user) else None


class SignedIn(AuthenticationMiddleware):
    """As Django's, but a view finds the user's row itself where Django leaves a stand-in that reads it when asked."""

    def process_view(self, request: HttpRequest, *_view: Any) -> None:
        request.user = _person_of(request) or auth.get_user(request)


def _person_of(request: HttpRequest) -> User | None:
    """Whom `auth.get_user` would find, where the session brought them along and all about it is as usual."""
    session = request.session
    theirs = {name: session.get(name) for name in (auth.SESSION_KEY, auth.BACKEND_SESSION_KEY, auth.HASH_SESSION_KEY)}
    person: User | None = cast(SessionStore, session).person
    if (
        person is not None
        and person.is_active
        and theirs[auth.SESSION_KEY] == str(person.pk)
        and theirs[auth.BACKEND_SESSION_KEY] == settings.AUTHENTICATION_BACKENDS[0]
        and constant_time_compare(theirs[auth.HASH_SESSION_KEY] or "", person.get_session_auth_hash())
    ):
        return person
    return None
