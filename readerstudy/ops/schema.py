"""Whether this version may write to the database."""

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage, Error
from django.db import connections
from django.db.migrations.loader import MigrationLoader


def schema_is_known(databases: Any) -> Iterator[CheckMessage]:
    """E022: a database that newer code has migrated; older code could write rows that the newer one cannot read."""
    for alias in databases or []:
        loader = MigrationLoader(connections[alias])
        known = set(loader.disk_migrations)
        unknown = sorted(
            f"{app}.{name}"
            for app, name in loader.applied_migrations
            if (app, name) not in known and app in loader.migrated_apps
        )
        if unknown:
            yield Error(
                f"the database is from a newer version: {', '.join(unknown)} is not part of this one",
                hint="Run the newer version again, or restore the backup that was made before the upgrade.",
                id="readerstudy.E022",
            )
