"""Sessions in the database, each with its person (SESSION_ENGINE names this module): list them, end one, end all.

A session's key is its secret and reaches no page. (allauth.usersessions would keep a second table beside Django's, with
each person's address and the whole User-Agent header, and write no audit event.)
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY, update_session_auth_hash
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.db import OperationalError, transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from readerstudy.accounts.models import OpenSession, User
from readerstudy.audit.services import record_person

BEGAN, BROWSER = "began", "browser"
"""What a session holds of itself: when somebody signed in (ISO 8601), and with what, in words."""


def sessions_of(user: User, *, this: str | None) -> list[dict[str, Any]]:
    """List the sessions in which a person is signed in, newest first; `this` is the key of the one that asks.

    Of each what its person may see; `name` stands for it in addresses.
    """
    return [
        {
            "name": _name(row), "began_at": row.began_at, "ends_at": row.expire_date,
            "browser": row.browser or "Another browser", "is_this": row.session_key == this,
        }
        for row in _alive(user)
    ]  # fmt: skip


@transaction.atomic
def end_session(*, user: User, name: str) -> bool:
    """End one of a person's sessions; False where they have none of this name."""
    found = next((row for row in _alive(user) if constant_time_compare(_name(row), name)), None)
    if found is None:
        return False
    found.delete()
    began_at = f"{found.began_at:%FT%TZ}"
    record_person("person.session_ended", user, user, began_at=began_at, browser=found.browser)
    return True


@transaction.atomic
def end_all_sessions(*, user: User, but: str | None = None) -> int:
    """End a person's sessions, but the one of this key; return how many ended. The caller writes the audit row."""
    ended, _ = OpenSession.objects.filter(person=user).exclude(session_key=but).delete()
    return ended


def stay_here_alone(request: HttpRequest, user: User) -> None:
    """Keep this session after the stored password has changed or was hashed again, and end every other one."""
    update_session_auth_hash(request, user)
    request.session.save()
    end_all_sessions(user=user, but=request.session.session_key)


def _alive(user: User) -> Iterator[OpenSession]:
    """Yield what has neither expired nor begun under another password."""
    rows = OpenSession.objects.filter(person=user, expire_date__gt=timezone.now())
    for row in rows.order_by("-began_at"):
        if constant_time_compare(row.get_decoded().get(HASH_SESSION_KEY, ""), user.get_session_auth_hash()):
            yield row


def _name(row: OpenSession) -> str:
    return salted_hmac("open session", row.session_key, algorithm="sha256").hexdigest()[:32]


class SessionStore(DatabaseStore):
    """Django's own store, over a table that names the person, the time and the browser beside the data."""

    @classmethod
    def get_model_class(cls) -> type[OpenSession]:
        """Return the table."""
        return OpenSession

    _stored: tuple[str | None, str] | None = None

    def save(self, must_create: bool = False) -> None:
        """Store the session, unless it was stored as it is now.

        Who begins a session stores it in the transaction of the audit event. Stored once more at the end of the
        request, it could fail there, and the event would tell of a sign-in that nobody had.
        """
        now = "" if must_create else json.dumps(dict(self.items()), sort_keys=True)
        if must_create or self._stored != (self.session_key, now):
            try:
                super().save(must_create)
            except UpdateError as error:
                # Django takes every fault of the database for a session that was ended.
                fault = error.__context__
                if isinstance(fault, OperationalError):
                    raise fault  # noqa: B904  (it keeps its own cause)
                raise
            self._stored = self.session_key, now

    def create_model_instance(self, data: dict[str, Any]) -> OpenSession:
        """Return the row for what a session holds."""
        row = super().create_model_instance(data)
        assert isinstance(row, self.get_model_class())
        row.person_id = int(data[SESSION_KEY]) if SESSION_KEY in data else None
        row.browser = data.get(BROWSER, "")
        row.began_at = datetime.fromisoformat(data[BEGAN]) if BEGAN in data else timezone.now()
        return row
