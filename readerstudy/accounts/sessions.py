"""Sessions in the database, each with its person: what SESSION_ENGINE names."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
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

    def create_model_instance(self, data: dict[str, Any]) -> OpenSession:
        """Return the row for what a session holds."""
        row = super().create_model_instance(data)
        assert isinstance(row, self.get_model_class())
        row.person_id = int(data[SESSION_KEY]) if SESSION_KEY in data else None
        row.browser = data.get(BROWSER, "")
        row.began_at = datetime.fromisoformat(data[BEGAN]) if BEGAN in data else timezone.now()
        return row
