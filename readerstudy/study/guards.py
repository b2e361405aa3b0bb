"""What the database itself refuses once a study is locked, as SQL for SQLite and PostgreSQL.

The services refuse the same first, with better words. These triggers guard against raw SQL and code that forgets.
`migrate` takes them away before it begins, for it may have to rebuild these tables, and installs them at its end; so
does `flush`.
"""

from typing import Any

from django.apps import AppConfig
from django.db import connections, transaction

FROZEN = (
    "key", "slug", "title", "protocol", "protocol_sha256", "locked_file", "cases_sha256", "sealed_sha256", "run_id",
    "practice_key", "practice_sha256", "synthetic_images", "simulated_readers", "locked_at", "openers",
)  # fmt: skip
"""Columns of a study that never change after the lock."""

STEPS = (
    ("draft", "locked"), ("locked", "reading"), ("reading", "closed"), ("closed", "unblinded"),
    ("closed", "archived"), ("unblinded", "archived"),
)  # fmt: skip
"""The only changes of phase that the database lets through; `phases.TRANSITIONS` is compared with them by a test."""

TABLES = ("cases_caseset", "cases_case", "cases_frame")
"""Tables of cases; each has the study's public key in `study`."""

_MOVED = "OLD.phase <> NEW.phase AND NOT ({})".format(
    " OR ".join(f"(OLD.phase = '{old}' AND NEW.phase = '{new}')" for old, new in STEPS)
)
_STUDY = "(s.key = {row}.study OR s.practice_key = {row}.study)"

# name -> (event, table, condition, message). A condition may look at OLD, NEW and other tables.
RULES: dict[str, tuple[str, str, str, str]] = {
    "study_is_locked": (
        "UPDATE",
        "study_study",
        "OLD.phase <> 'draft' AND ({})",
        "nothing in a locked study changes",
    ),
    "study_moves_on": ("UPDATE", "study_study", _MOVED, "a study only goes from phase to phase as it may"),
    "study_stays": (
        "DELETE",
        "study_study",
        "OLD.phase NOT IN ('draft', 'archived')",
        "a study that was locked stays until it is archived",
    ),
    **{
        f"{table}_{verb.lower()}_is_locked": (
            verb,
            table,
            "EXISTS (SELECT 1 FROM study_study s WHERE s.phase NOT IN ({}) AND {})".format(
                "'draft', 'archived'" if verb == "DELETE" else "'draft'",
                _STUDY.format(row="OLD" if verb == "DELETE" else "NEW"),
            ),
            "the cases of a locked study do not change",
        )
        for table in TABLES
        for verb in ("INSERT", "UPDATE", "DELETE")
    },
}


def install(vendor: str) -> list[str]:
    """Return the statements that make every trigger on a database of this vendor (sqlite, postgresql)."""
    statements = []
    for name, (event, table, condition, message) in RULES.items():
        changed = " OR ".join(_differs(column, vendor) for column in FROZEN)
        when = condition.format(changed) if "{}" in condition else condition
        if vendor == "sqlite":
            statements.append(
                f"CREATE TRIGGER {name} BEFORE {event} ON {table} WHEN {when} "
                f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
            )
        else:
            statements += [
                f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF {when} THEN "
                f"RAISE EXCEPTION '{message}' USING ERRCODE = 'integrity_constraint_violation'; END IF; "
                f"RETURN {'OLD' if event == 'DELETE' else 'NEW'}; END $$",
                f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()",
            ]
    return statements


def remove(vendor: str) -> list[str]:
    """Return the statements that take every trigger away: before a migration changes these tables, and in tests."""
    if vendor == "sqlite":
        return [f"DROP TRIGGER IF EXISTS {name}" for name in RULES]
    return [
        statement
        for name, (_, table, _, _) in RULES.items()
        for statement in (f"DROP TRIGGER IF EXISTS {name} ON {table}", f"DROP FUNCTION IF EXISTS {name}()")
    ]


def _differs(column: str, vendor: str) -> str:
    if vendor == "sqlite":
        return f"OLD.{column} IS NOT NEW.{column}"
    cast = "::text" if column in {"protocol", "openers"} else ""
    return f"OLD.{column}{cast} IS DISTINCT FROM NEW.{column}{cast}"


def before_migrations(sender: AppConfig, using: str, **_: Any) -> None:
    """Take the triggers away."""
    with transaction.atomic(using), connections[using].cursor() as cursor:
        tables = connections[using].introspection.table_names(cursor)
        if {"study_study", *TABLES} <= set(tables):
            for statement in remove(connections[using].vendor):
                cursor.execute(statement)


def after_migrations(sender: AppConfig, using: str, **_: Any) -> None:
    """Install the triggers, once the tables have all columns that they speak of."""
    with transaction.atomic(using), connections[using].cursor() as cursor:
        tables = connections[using].introspection.table_names(cursor)
        if not {"study_study", *TABLES} <= set(tables):
            return
        columns = connections[using].introspection.get_table_description(cursor, "study_study")
        if {column.name for column in columns} >= set(FROZEN):
            for statement in (*remove(connections[using].vendor), *install(connections[using].vendor)):
                cursor.execute(statement)
