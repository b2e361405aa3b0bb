"""Whether readers can be served now: database, migrations, cache, frames, and that answers can be written."""

import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from readerstudy.accounts.middleware import page
from readerstudy.accounts.models import Attempts
from readerstudy.cases.storage import frame_objects

log = logging.getLogger(__name__)
FRESH_S = 1.0
"""Seconds for which a process tells what it has found: anybody may ask, and finding it out takes the write lock."""
PATIENCE_S = 3.0
"""Seconds for which the write lock is waited for; a save waits longer."""
ROOM = 65_536
"""Bytes that must fit on the disk."""
_one = threading.Lock()
_found: tuple[float, bool] = (float("-inf"), False)


def is_ready() -> bool:
    """Try every part, or say what was found a moment ago."""
    global _found  # noqa: PLW0603  (what this process knows of itself)
    with _one:
        if time.monotonic() - _found[0] > FRESH_S:
            ready = look()
            _found = (time.monotonic(), ready)
        return _found[1]


def look() -> bool:
    """Try every part; log by name which one fails, and say nothing else to anybody."""
    with getattr(connection, "wait_at_most", nullcontext)(PATIENCE_S):
        return all(_works(part) for part in (_database, _writes, _migrations, _cache, _frames, _room))


def _works(part: Callable[[], object]) -> bool:
    why = ""
    try:
        if part() is not False:
            return True
    except Exception as error:  # any error of any client library means not ready
        why = f" ({type(error).__name__})"
    log.warning("not ready: %s%s", part.__name__.strip("_"), why)
    return False


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _writes() -> None:
    """Write a row and take it back: a lock that somebody holds, or a disk that is full, shows here."""
    with transaction.atomic():
        Attempts.objects.create(name=f"readiness of {os.getpid()}", ends_at=timezone.now())
        transaction.set_rollback(True)


def _room() -> None:
    with tempfile.TemporaryFile(dir=settings.HOME) as file:
        file.write(bytes(ROOM))


def _migrations() -> bool:
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def _cache() -> None:
    cache.get("readiness")


def _frames() -> bool:
    return frame_objects() is not None or os.access(settings.FRAMES_ROOT, os.R_OK | os.X_OK)


@page("GET")
@login_not_required
def health(request: HttpRequest) -> HttpResponse:
    """Answer 'ok': the process lives."""
    return HttpResponse("ok\n", content_type="text/plain")


@page("GET")
@login_not_required
def readiness(request: HttpRequest) -> HttpResponse:
    """Answer 'ok' when readers can be served, else 503; what is wrong is in the log only."""
    ready = is_ready()
    return HttpResponse("ok\n" if ready else "no\n", content_type="text/plain", status=200 if ready else 503)
