"""What the site logs: lines or JSON, without addresses of cases, values of rows, or paths of images.

Django's own records hold the address of a request, and an error's text can hold what somebody typed. Both
are left out: a record names the view, the status, and where in the code an error arose.
Nothing here imports Django.
"""

import json
import logging
import traceback
from datetime import UTC, datetime
from typing import Any

QUIET = ("django.request", "django.security", "django.server")
"""Loggers of Django whose messages hold addresses or what a client sent."""


class Discreet(logging.Formatter):
    """Formats a record as fields that are safe to keep; subclasses choose how they are written."""

    def fields(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return time, level, logger, what happened and, for an error, its type and place."""
        found: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": _request_message(record) if record.name.startswith(QUIET) else record.getMessage(),
        }
        if record.exc_info and record.exc_info[1] is not None:
            found["error"] = type(record.exc_info[1]).__name__
            # A request that was refused on purpose: where in the code is of no use.
            if record.name.startswith(QUIET) and 400 <= getattr(record, "status_code", 0) < 500:
                return found
            found["where"] = [
                f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}"
                for frame in traceback.extract_tb(record.exc_info[2])[-8:]
            ]
        return found


class Line(Discreet):
    """One line of text; the place of an error on the lines below."""

    def format(self, record: logging.LogRecord) -> str:
        fields = self.fields(record)
        text = " ".join(str(fields[name]) for name in ("at", "level", "logger", "message"))
        where = "".join(f"\n    {place}" for place in fields.get("where", []))
        return text + (f" ({fields['error']}){where}" if "error" in fields else "")


class Json(Discreet):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(self.fields(record), ensure_ascii=False)


FORMATS = {"line": Line, "json": Json}


def logging_config(*, form: str, level: str) -> dict[str, Any]:
    """Return Django's LOGGING: everything to the console, from `level` up; `form` is one of `FORMATS`."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"discreet": {"()": FORMATS[form]}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "discreet"}},
        "root": {"handlers": ["console"], "level": level},
        # Django gives some loggers handlers of their own, which would print addresses.
        "loggers": {name: {"handlers": [], "propagate": True} for name in ("django", "django.server")},
    }


def _request_message(record: logging.LogRecord) -> str:
    """Say what happened to a request, without its address."""
    request = getattr(record, "request", None)
    match = getattr(request, "resolver_match", None)
    view = getattr(match, "view_name", None) or "no page"
    status = getattr(record, "status_code", "")
    return f"{getattr(request, 'method', 'request')} {view} {status}".strip()
