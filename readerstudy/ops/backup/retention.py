"""Delete a draft or an archived study for good: rows, frames, audit chain. A tombstone stays in the site's own chain.

Every table of a study carries the study's key, so the tables are found by that, and a new one cannot be forgotten. What
the database refuses to delete while a study lives (triggers) is allowed for this one transaction only.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from graphlib import TopologicalSorter
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connection, models, transaction

from readerstudy.accounts.models import User
from readerstudy.audit.epochs import heads_of_all
from readerstudy.audit.models import Chain, Event
from readerstudy.audit.services import DELETED, record
from readerstudy.cases.models import Frame
from readerstudy.cases.storage import remove_frames, study_folder
from readerstudy.refusals import RefusedError
from readerstudy.study.design.terms import keys_of
from readerstudy.study.models import Rating, Reader, Study

GOING = ("draft", "archived")
"""Phases in which a study may go: nothing was read yet, or everything is exported."""


class RetentionError(RefusedError):
    """A study cannot be deleted as asked: what was expected, what was found, what to do."""


def delete_study(*, study: Study, reason: str, actor: User | None) -> dict[str, int]:
    """Delete a study and everything that carries its key; files go when the rows are gone.

    Returns
    -------
    How many rows of which table went; the site's chain keeps that too, and where the study's own chain ended.

    Raises
    ------
    RetentionError: the study is neither a draft nor archived, or no reason.
    """
    _refuse_alive(study)
    if not reason.strip():
        raise RetentionError("expected a reason, such as the end of the time for which the data may be kept")
    names = {
        key: list(Frame.objects.filter(study=key).values_list("storage_name", flat=True))
        for key in keys_of(study)
    }
    with transaction.atomic():
        rows = _delete_rows(study, reason.strip(), actor)
    for key, of_set in names.items():
        remove_frames(settings.FRAMES_ROOT, key, of_set)
        shutil.rmtree(study_folder(settings.FRAMES_ROOT, key), ignore_errors=True)
    shutil.rmtree(settings.EXPORTS_ROOT / str(study.key), ignore_errors=True)
    return rows


def _refuse_alive(study: Study) -> None:
    if study.phase not in GOING:
        raise RetentionError(
            f"expected a draft or an archived study, '{study.slug}' is {study.phase}; export and archive it first"
        )


def _delete_rows(study: Study, reason: str, actor: User | None) -> dict[str, int]:
    study = Study.objects.select_for_update().get(pk=study.pk)
    _refuse_alive(study)
    chain = Chain.objects.get(study=study.key)
    ends = heads_of_all()
    facts = {
        "study": str(study.key), "chain": [chain.sequence, chain.digest],
        # Of every chain that goes, the practice cases' own too: the anchor still knows their events.
        "chains": {str(key): ends[str(key)] for key in keys_of(study) if str(key) in ends},
        "cases_sha256": study.cases_sha256, "sealed_sha256": study.sealed_sha256,
        "readers": Reader.objects.filter(study=study).count(), "ratings": Rating.objects.filter(study=study).count(),
        "events": Event.objects.filter(study=study.key).count(),
    }  # fmt: skip
    tables: list[type[models.Model]] = [*tables_of_a_study(), Study]
    rows = {}
    with _triggers_away([model._meta.db_table for model in tables]):
        for model in tables:
            found = model._default_manager.filter(**_condition(model, study))
            count = found.count()
            found._raw_delete(found.db)
            if count:
                rows[model._meta.label] = count
    record(DELETED, actor, subject=study.slug, values={**facts, "rows": rows}, reason=reason)
    return rows


def tables_of_a_study() -> list[type[models.Model]]:
    """Return every table that carries a study's key or points to one that does, those that point elsewhere first."""
    found = sorted(filter(_carries, apps.get_models()), key=lambda model: str(model._meta.label))
    pointing = {to: [model for model in found if model is not to and _points_to(model, to)] for to in found}
    # A circle among them is an error: order them by hand.
    return list(TopologicalSorter(pointing).static_order())


def _carries(model: type[models.Model]) -> bool:
    if model is Study or model._meta.proxy:
        return False
    field = next((field for field in model._meta.fields if field.name == "study"), None)
    return isinstance(field, models.UUIDField) or (field is not None and field.related_model is Study)


def _points_to(model: type[models.Model], target: type[models.Model]) -> bool:
    return any(field.related_model is target for field in model._meta.fields if field.is_relation)


def _condition(model: type[models.Model], study: Study) -> dict[str, Any]:
    if model is Study:
        return {"pk": study.pk}
    field = model._meta.get_field("study")
    # Practice cases, their terms and their load's events are under a key of their own.
    return {"study__in": list(keys_of(study))} if isinstance(field, models.UUIDField) else {"study": study}


@contextmanager
def _triggers_away(tables: list[str]) -> Iterator[None]:
    """Lift the triggers of some tables inside the transaction at hand; a rollback brings them back too."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # A table with checks that still wait for the end of the transaction cannot be altered.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            for table in tables:
                cursor.execute(f"ALTER TABLE {connection.ops.quote_name(table)} DISABLE TRIGGER USER")
            yield
            for table in tables:
                cursor.execute(f"ALTER TABLE {connection.ops.quote_name(table)} ENABLE TRIGGER USER")
            return
        cursor.execute("SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger'")
        lifted = [(name, sql) for name, table, sql in cursor.fetchall() if table in tables]
        for name, _ in lifted:
            cursor.execute(f"DROP TRIGGER {connection.ops.quote_name(name)}")
        yield
        for _, sql in lifted:
            cursor.execute(sql)
