"""The database refuses what the services refuse: raw SQL against a locked study."""

import json
import uuid

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from readerstudy.cases.models import Case, Frame
from readerstudy.study import guards
from readerstudy.study.design import lifecycle
from readerstudy.study.design.locking import locked_document, sha256_of, warnings_of
from readerstudy.study.models import Study
from readerstudy.study.phases import TRANSITIONS, Phase, PhaseError, StudyError
from tests.stock import Stock

pytestmark = pytest.mark.django_db


def refused(sql: str, *values: object) -> str:
    """Run raw SQL that must be refused; return what the database said."""
    with pytest.raises(DatabaseError) as caught, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, values)
    return str(caught.value)


def test_database_knows_the_same_steps_as_the_services() -> None:
    assert set(guards.STEPS) == {(old.value, new.value) for (old, _), new in TRANSITIONS.items()}


@pytest.mark.parametrize("column", [name for name in guards.FROZEN if name != "key"])
def test_no_column_of_a_locked_study_changes(stock: Stock, column: str) -> None:
    value: object = {
        "protocol": json.dumps({"questions": []}), "openers": json.dumps({"two": False}),
        "synthetic_images": False, "simulated_readers": True,
        "locked_at": "2001-01-01 00:00:00+00:00", "practice_key": str(uuid.uuid4()),
    }.get(column, "other")  # fmt: skip
    if column == "practice_key" and connection.vendor == "sqlite":
        value = uuid.uuid4().hex
    said = refused(f'UPDATE study_study SET "{column}" = %s WHERE slug = %s', value, "chest")
    assert "nothing in a locked study changes" in said


def test_phase_goes_only_where_it_may(stock: Stock) -> None:
    for phase in ("draft", "locked", "unblinded", "archived"):
        assert "as it may" in refused("UPDATE study_study SET phase = %s WHERE slug = 'chest'", phase)
    Study.objects.filter(pk=stock.study.pk).update(phase=Phase.CLOSED)


def test_a_bypass_by_way_of_a_draft_is_refused(stock: Stock) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        Study.objects.filter(pk=stock.study.pk).update(phase=Phase.DRAFT, protocol={})
    assert Study.objects.get(pk=stock.study.pk).phase == Phase.READING


def test_cases_and_frames_of_a_locked_study_do_not_change(stock: Stock) -> None:
    case = Case.objects.filter(study=stock.study.key).first()
    assert "do not change" in refused("UPDATE cases_case SET labels = '[]' WHERE id = %s", case.pk)
    assert "do not change" in refused("UPDATE cases_frame SET bits = 9 WHERE case_id = %s", case.pk)
    assert "do not change" in refused("DELETE FROM cases_frame WHERE case_id = %s", case.pk)
    assert "do not change" in refused("DELETE FROM cases_case WHERE id = %s", case.pk)
    case.pk, case.key = None, "0" * 32
    with pytest.raises(DatabaseError), transaction.atomic():
        case.save(force_insert=True)
    assert Frame.objects.filter(study=stock.study.key).count() == 10


def test_a_locked_study_cannot_be_deleted(stock: Stock) -> None:
    assert "until it is archived" in refused("DELETE FROM study_study WHERE slug = 'chest'")


def test_a_draft_can_be_changed(stock: Stock) -> None:
    other = lifecycle.create_study(
        slug="draft", title="Draft", protocol=lifecycle.Protocol(), actor=stock.alice
    )
    Study.objects.filter(pk=other.pk).update(title="Another", protocol={})
    assert Study.objects.get(pk=other.pk).title == "Another"


def test_migrate_puts_the_guards_back(stock: Stock) -> None:
    with connection.cursor() as cursor:
        for statement in guards.remove(connection.vendor):
            cursor.execute(statement)
    Study.objects.filter(pk=stock.study.pk).update(title="Changed")
    call_command("migrate", verbosity=0)
    refused("UPDATE study_study SET title = 'x' WHERE slug = 'chest'")


def test_the_locked_file_says_everything_and_tells_nothing(stock: Stock) -> None:
    study = stock.study
    document = locked_document(study)
    assert sha256_of(study.locked_file) == study.protocol_sha256
    assert document["sealed_sha256"] == stock.case_set.key_sha256
    frames = Frame.objects.filter(study=study.key).values_list("sha256", flat=True)
    assert (document["cases"], document["frames_sha256"]) == (10, sorted(frames))
    assert not [case for case in Case.objects.filter(study=study.key) if case.key in study.locked_file]
    assert set(document["seed_commitments"]) == {"R01", "R02"}
    assert document["protocol"]["replacement"]
    for reader in stock.readers:
        assert bytes(reader.order_seed).hex() not in study.locked_file
    assert document["study_admins"] == [{"actor": stock.alice.pk, "unblinded": False, "because": ""}]
    assert document["unblinded_members"] == 1  # Rita, the researcher of the study, may open sweeps


def test_telling_words_are_warned_of(stock: Stock) -> None:
    assert warnings_of(stock.study) == []
    stock.study.title = "PIEs and controls"
    assert warnings_of(stock.study) == ["title: 'PIEs', 'controls' could tell readers what is compared"]
    stock.study.title = "Pruned chest films; pruned at high sparsity, and their controls"
    assert warnings_of(stock.study) == [
        "title: 'Pruned', 'sparsity', 'controls' could tell readers what is compared"
    ]


def test_archive_needs_a_closed_study_and_a_reason(stock: Stock) -> None:
    with pytest.raises(PhaseError):
        lifecycle.archive(study=stock.study, actor=stock.alice, reason="done")
    lifecycle.close(study=stock.study, actor=stock.alice, reason="all have read")
    with pytest.raises(StudyError, match="reason"):
        lifecycle.archive(study=stock.study, actor=stock.alice, reason=" ")
    assert lifecycle.archive(study=stock.study, actor=stock.alice, reason="published").phase == Phase.ARCHIVED
