"""Who is there: the session and its user, which every page asks for first, by prepared statements."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessions
from django.contrib.sessions.models import Session
from django.utils import timezone

from annotator.models import User
from annotator.sql import Part, rows

SESSION = Part(Session, "s", "session_key", "session_data", "expire_date")
USER = Part(User, "u", *(field.name for field in User._meta.concrete_fields))
OPEN = f"SELECT {SESSION.columns} FROM django_session s WHERE session_key = %s AND expire_date > %s"
PERSON = f"SELECT {USER.columns} FROM annotator_user u WHERE id = %s"


class SessionStore(DatabaseSessions):
    """Django's sessions in the database, read without building a query each time."""

    def _get_session_from_db(self) -> Session | None:
        found = rows(OPEN, [self.session_key, timezone.now()]) if self.session_key else []
        if not found:
            self._session_key = None
            return None
        session: Session = SESSION.made(found[0])
        return session


class PasswordBackend(ModelBackend):
    """Django's user names and passwords; the user of a session is read like it."""

    def get_user(self, user_id: Any) -> User | None:
        found = rows(PERSON, [int(user_id)])
        user: User | None = USER.made(found[0]) if found else None
        return user if user and self.user_can_authenticate(user) else None
