"""Sessions in the database, each with its person: what SESSION_ENGINE names."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.db import OperationalError
from django.utils import timezone

if TYPE_CHECKING:
    from readerstudy.accounts.models import OpenSession

BEGAN, BROWSER = "began", "browser"
"""What a session holds of itself: when somebody signed in (ISO 8601), and with what, in words."""


class SessionStore(DatabaseStore):
    """Django's own store, over a table that names the person, the time and the browser beside the data."""

    @classmethod
    def get_model_class(cls) -> type[OpenSession]:
        """Return the table."""
        from readerstudy.accounts.models import OpenSession

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
                fault = (
                    error.__context__
                )  # Django takes every fault of the database for a session that was ended
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
