"""A locked or full database, or a full disk, is answered 503 on every page; any other error 500.

Django asks here wherever an error arises: in a view, in a middleware, while a session is stored. Services change all
or nothing, so that the answer can say that nothing was changed.
"""

import errno
import sqlite3
import sys

from django.db import InterfaceError, OperationalError
from django.db.utils import Error as DatabaseFault
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.views.defaults import server_error as broken

from readerstudy.accounts.middleware import MARK

COME_AGAIN_S = 10
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})
SQLITE = frozenset(
    {
        sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL,
    }
)  # fmt: skip
"""Not among them: SQLITE_ERROR, as for a table that is missing, and SQLITE_CORRUPT. They do not pass."""
POSTGRESQL = ("08", "40", "53", "57", "58", "25006", "55P03")
"""Beginnings of SQLSTATE: connection, deadlock, no room, stopping, its system; read only, lock not available."""


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer for an error that nobody has caught; what it was is in the log alone."""
    if not passes(sys.exc_info()[1]):
        return broken(request)
    headers = {"Retry-After": str(COME_AGAIN_S), "Cache-Control": "no-store"}
    if request.resolver_match and getattr(request.resolver_match.func, MARK, False):
        told = {"error": "the site cannot save at this moment; nothing was changed"}
        return JsonResponse(told, status=503, headers=headers)
    return HttpResponse(render_to_string("503.html"), status=503, headers=headers)


def passes(error: BaseException | None) -> bool:
    """Say whether an error comes from a lock, a missing connection or a want of room, and so may be gone next time."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            return True
        if isinstance(error, DatabaseFault):
            return _database_may(error)
        error = error.__cause__
    return False


def _database_may(error: DatabaseFault) -> bool:
    code = getattr(error.__cause__, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in SQLITE
    state = getattr(error.__cause__, "sqlstate", None)
    if state:
        return str(state).startswith(POSTGRESQL)
    return isinstance(error, OperationalError | InterfaceError)  # no connection, or no turn to write
