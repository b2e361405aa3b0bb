"""Take away the database's guards of locked studies, for a test that plants what they refuse.

The database is put back with the test's transaction; a flush needs it before Django empties the tables.
"""

from django.db import connection

from readerstudy.study.guards import remove


def drop_guards() -> None:
    """Drop every trigger that guards a locked study."""
    with connection.cursor() as cursor:
        for statement in remove(connection.vendor):
            cursor.execute(statement)


def drop_append_only() -> None:
    """Drop what keeps the database from changing an audit event, as somebody who owns the database could."""
    names = {"sqlite": ("audit_event_no_update", "audit_event_no_delete")}
    on = {"postgresql": " ON audit_event"}.get(connection.vendor, "")
    with connection.cursor() as cursor:
        for name in names.get(connection.vendor, ("audit_event_append_only",)):
            cursor.execute(f"DROP TRIGGER {name}{on}")
