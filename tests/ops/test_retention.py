"""An archived study goes without a trace but its tombstone; everything else stays, and the guards come back."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import Error, models, transaction

from readerstudy.audit.models import Chain, Event
from readerstudy.audit.services import faults
from readerstudy.cases.models import Case, CaseSet, Frame, Terms
from readerstudy.cases.storage import study_folder
from readerstudy.cases.terms import Wording
from readerstudy.ops.backup import retention
from readerstudy.ops.backup.retention import DELETED, delete_study, tables_of_a_study
from readerstudy.ops.loading import load_into_study
from readerstudy.study.design.lifecycle import create_study
from readerstudy.study.design.terms import change
from readerstudy.study.models import Study
from readerstudy.study.protocol import Protocol
from tests.blinding.crowd import make_bystanders
from tests.stock import Stock, make_case_set

pytestmark = pytest.mark.django_db


@pytest.fixture
def archived(stock: Stock, settings: Any, tmp_path: Path) -> Stock:
    make_bystanders(stock, tmp_path)
    shutil.copytree(settings.FRAMES_ROOT, tmp_path / "frames")  # other tests read the stock's frames later
    settings.FRAMES_ROOT = tmp_path / "frames"
    with retention._triggers_away([Study._meta.db_table]):
        Study.objects.filter(pk=stock.study.pk).update(phase="archived")
    stock.study.refresh_from_db()
    return stock


def rows_of(study: Study) -> dict[str, int]:
    counts = {
        model._meta.label: model._default_manager.filter(**retention._condition(model, study)).count()
        for model in [*tables_of_a_study(), Study]
    }
    return {name: count for name, count in counts.items() if count}


def test_every_row_and_frame_goes_and_a_tombstone_stays(archived: Stock, settings: Any) -> None:
    other = Study.objects.get(slug="other")
    before, key = rows_of(other), archived.study.key
    folder = study_folder(settings.FRAMES_ROOT, key)
    assert list(folder.iterdir())
    assert {"study.Study", "study.Assignment", "cases.Frame", "cases.Case", "audit.Event"} <= set(
        rows_of(archived.study)
    )
    chain = Chain.objects.get(study=key)
    gone = delete_study(study=archived.study, reason="ten years are over", actor=archived.olga)
    assert rows_of(archived.study) == {}
    assert not folder.exists()
    assert rows_of(other) == before
    event = Event.objects.filter(study__isnull=True, kind=DELETED).get()
    assert event.reason == "ten years are over"
    assert event.subject == "chest"
    assert event.values["study"] == str(key)
    assert event.values["chain"] == [chain.sequence, chain.digest]
    assert event.values["rows"] == gone
    assert gone["study.Study"] == 1
    assert event.values["ratings"] == 0
    assert list(faults()) == []


def test_kept_results_and_figures_go_too(archived: Stock, settings: Any) -> None:
    kept = settings.EXPORTS_ROOT / str(archived.study.key) / "0123"
    kept.mkdir(parents=True)
    (kept / "results.json").write_text("{}")
    delete_study(study=archived.study, reason="over", actor=None)
    assert not kept.parent.exists()


def test_the_guards_are_back_afterwards(archived: Stock) -> None:
    delete_study(study=archived.study, reason="over", actor=None)
    with pytest.raises(Error, match="only ever added"), transaction.atomic():
        Event.objects.update(reason="x")
    with pytest.raises(Error, match="only ever added"), transaction.atomic():
        Event.objects.all()._raw_delete("default")


def test_a_failure_leaves_everything(archived: Stock, monkeypatch: pytest.MonkeyPatch) -> None:
    before = rows_of(archived.study)

    def fails(*values: Any, **named: Any) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(retention, "record", fails)
    with pytest.raises(RuntimeError):
        delete_study(study=archived.study, reason="over", actor=None)
    assert rows_of(archived.study) == before


def test_only_an_archived_study_and_only_with_a_reason(archived: Stock) -> None:
    other = Study.objects.get(slug="other")
    assert other.phase == "reading"
    with pytest.raises(retention.RetentionError, match="or an archived study"):
        delete_study(study=other, reason="over", actor=None)
    with pytest.raises(retention.RetentionError, match="expected a reason"):
        delete_study(study=archived.study, reason=" ", actor=None)
    with pytest.raises(CommandError, match="cannot be undone"):
        call_command("delete_study", "chest", "--reason", "over")


def test_the_command_deletes(archived: Stock, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("delete_study", "chest", "--reason", "over", "--confirm", "chest")
    assert "deleted chest" in capsys.readouterr().out


def test_no_table_that_points_to_a_study_is_left_out() -> None:
    known = {*tables_of_a_study(), Study}
    for model in apps.get_models():
        for field in model._meta.fields:
            if (
                field.is_relation
                and field.related_model in known
                and not isinstance(field, models.OneToOneRel)
            ):
                assert model in known, (
                    f"{model._meta.label} points to a study's table and has no field 'study'"
                )


def test_practice_cases_go_too(archived: Stock, settings: Any, tmp_path: Path) -> None:
    study = create_study(slug="practised", title="Practised", protocol=Protocol(), actor=archived.alice)
    made = make_case_set(tmp_path / "practice", pairs=1, nonce=b"\x51" * 32)
    load_into_study(practice=True, study=study, folder=made.folder, actor=archived.alice)
    study = Study.objects.get(pk=study.pk)
    change(study=study, which="practice", wording=Wording("Look, do not copy."), actor=archived.alice)
    folder = study_folder(settings.FRAMES_ROOT, study.practice_key)
    assert list(folder.iterdir())
    with retention._triggers_away([Study._meta.db_table]):
        Study.objects.filter(pk=study.pk).update(
            phase="archived", protocol_sha256="0" * 64, sealed_sha256="1" * 64
        )
    study.refresh_from_db()
    delete_study(study=study, reason="ten years are over", actor=archived.olga)
    for model in (CaseSet, Case, Frame, Terms, Event):
        assert not model._default_manager.filter(study=study.practice_key).exists(), model
    assert not folder.exists()
    assert list(faults()) == []
