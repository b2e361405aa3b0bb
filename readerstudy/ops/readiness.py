"""Whether readers can be served now: database, migrations, cache, frames, room to write."""

import logging
import os
from collections.abc import Callable

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from readerstudy.cases.objects import frame_objects

log = logging.getLogger(__name__)


def is_ready() -> bool:
    """Try every part; log by name which one fails, and say nothing else to anybody."""
    return all(_works(part) for part in (_database, _migrations, _cache, _frames))


def _works(part: Callable[[], bool]) -> bool:
    try:
        works = part()
    except Exception as error:  # any error of any client library means not ready
        log.warning("not ready: %s (%s)", part.__name__.strip("_"), type(error).__name__)
        return False
    if not works:
        log.warning("not ready: %s", part.__name__.strip("_"))
    return works


def _database() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return bool(cursor.fetchone() == (1,))


def _migrations() -> bool:
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def _cache() -> bool:
    cache.get("readiness")
    return True


def _frames() -> bool:
    return frame_objects() is not None or os.access(settings.FRAMES_ROOT, os.R_OK | os.X_OK)
