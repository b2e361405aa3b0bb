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
