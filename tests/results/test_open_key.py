"""Opening a key: what it needs, what it refuses whole, what it writes."""

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from analysis.caseset import CaseSetError, read_key
from analysis.durable import sha256_file
from readerstudy.audit.models import Event
from readerstudy.audit.services import faults
from readerstudy.ops.loading import load_into_study
from readerstudy.results.computed import computed
from readerstudy.results.export import export_files
from readerstudy.results.models import OpenedCase, Unblinding
from readerstudy.results.services import UnblindingError, open_key
from readerstudy.results.values import SealedError, readings_of, unblinding_of
from readerstudy.study.design import lifecycle
from readerstudy.study.models import Study
from readerstudy.study.phases import PhaseError, StudyError
from readerstudy.study.protocol import Protocol
from tests.guards import drop_guards
from tests.stock import Stock, decoded_here, look_for_names, make_case_set

pytestmark = pytest.mark.django_db
OTHER_NONCE = b"\x55" * 32


def refused(stock: Stock, error: type[Exception], match: str, **changes: object) -> None:
    """Try to open the key and check that nothing changed."""
    before = Event.objects.count()
    values = {
        "study": stock.study,
        "key": stock.case_set.key,
        "reason": "over",
        "actor": stock.alice,
        **changes,
    }
    with pytest.raises(error, match=match):
        open_key(**values)  # type: ignore[arg-type]
    stock.study.refresh_from_db()
    assert stock.study.unblinded_at is None
    assert not OpenedCase.objects.exists()
    assert not Unblinding.objects.exists()
    assert Event.objects.count() == before


@pytest.mark.parametrize("phase", ["locked", "reading"])
def test_not_before_the_close(stock: Stock, phase: str) -> None:
    drop_guards()
    Study.objects.filter(pk=stock.study.pk).update(phase=phase)
    refused(stock, PhaseError, f"possible in the phase closed; the study is {phase}")


def test_another_digest_is_refused(closed: Stock, tmp_path: Path) -> None:
    other = make_case_set(tmp_path, nonce=OTHER_NONCE)
    refused(
        closed, CaseSetError, f"expected the key with SHA-256 {closed.study.sealed_sha256}", key=other.key
    )


def test_a_key_changed_by_one_byte_is_refused(closed: Stock, tmp_path: Path) -> None:
    changed = tmp_path / "key.csv"
    text = closed.case_set.key.read_text(encoding="utf-8")
    changed.write_text(text.replace(",1,", ",0,", 1), encoding="utf-8")
    refused(closed, CaseSetError, "expected the key with SHA-256", key=changed)


def test_a_missing_file_is_refused(closed: Stock, tmp_path: Path) -> None:
    refused(closed, CaseSetError, "expected a readable file", key=tmp_path / "none.csv")


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_a_reason_is_needed(closed: Stock, reason: str) -> None:
    refused(closed, StudyError, "expected a reason", reason=reason)


@pytest.mark.parametrize("phase", ["locked", "reading"])
def test_not_while_others_read_under_the_same_key(closed: Stock, phase: str) -> None:
    twin = lifecycle.create_study(slug="twin", title="Twin", protocol=Protocol(), actor=closed.alice)
    facts = {"sealed_sha256": closed.study.sealed_sha256, "protocol_sha256": "ab" * 32, "phase": phase}
    drop_guards()
    Study.objects.filter(pk=twin.pk).update(**facts)
    refused(closed, UnblindingError, "belongs to another study that is not closed")
    Study.objects.filter(pk=twin.pk).update(phase="closed")
    assert open_key(study=closed.study, key=closed.case_set.key, reason="over", actor=None).pk


def test_the_key_of_other_cases_is_refused(closed: Stock, tmp_path: Path) -> None:
    other = make_case_set(tmp_path, nonce=OTHER_NONCE)
    drop_guards()
    Study.objects.filter(pk=closed.study.pk).update(sealed_sha256=other.key_sha256)
    refused(closed, UnblindingError, "expected the key of the 10 loaded cases", key=other.key)


def test_opened_once_it_stays_open(opened: Stock) -> None:
    with pytest.raises(PhaseError, match="the study is unblinded"):
        open_key(study=opened.study, key=opened.case_set.key, reason="again", actor=opened.alice)
    assert Unblinding.objects.count() == 1


def test_opening_writes_rows_and_audit(opened: Stock) -> None:
    sealed = read_key(opened.case_set.key).rows
    rows = {row.case.key: row for row in OpenedCase.objects.select_related("case")}
    assert len(rows) == 10
    for wanted in sealed.to_dict("records"):
        row = rows[wanted["case"]]
        came = (row.arm, row.pair, row.score, row.class_group, row.n_findings)
        assert came == tuple(wanted[name] for name in ("arm", "pair", "score", "class_group", "n_findings"))
    event = Event.objects.get(kind="study.unblinded")
    assert (event.study, event.actor, event.reason) == (opened.study.key, opened.alice, "reading is over")
    digest = opened.case_set.key_sha256
    assert event.values["audit_heads"]
    assert {name: value for name, value in event.values.items() if name != "audit_heads"} == {
        "old": "closed", "new": "unblinded", "key_sha256": digest,
    }  # fmt: skip
    unblinding = unblinding_of(opened.study)
    assert (unblinding.key_sha256, unblinding.reason) == (digest, "reading is over")
    assert opened.study.unblinded_at is not None
    assert list(faults()) == []


def test_a_key_that_numbers_patients_gives_them_to_the_ratings(closed: Stock, tmp_path: Path) -> None:
    lines = closed.case_set.key.read_text(encoding="utf-8").splitlines()
    key = tmp_path / "key.csv"
    owners = ["patient", *(str(1 + row // 2) for row in range(len(lines) - 1))]
    key.write_text(
        "".join(f"{line},{own}\n" for line, own in zip(lines, owners, strict=True)), encoding="utf-8"
    )
    drop_guards()
    Study.objects.filter(pk=closed.study.pk).update(sealed_sha256=sha256_file(key))
    open_key(study=closed.study, key=key, reason="over", actor=closed.alice)
    closed.study.refresh_from_db()
    made = computed(closed.study)
    assert sorted(made.ratings.drop_duplicates("case")["patient"]) == sorted(owners[1:])
    assert made.results.study["patients"] == 5
    files = dict(export_files(closed.study))
    assert b"reader,case,arm,pair,patient,batch" in files["ratings.csv"]
    assert "cases of one patient are analysed as one cluster" in files["report.html"].decode()
    told = files["data_dictionary.csv"].decode()
    assert "cases of one patient count as one cluster" in told


def test_a_key_without_patients_gives_none(opened: Stock) -> None:
    made = computed(opened.study)
    assert "patient" not in made.ratings.columns
    assert "patients" not in made.results.study


def test_an_opened_key_serves_no_new_study(opened: Stock) -> None:
    study = lifecycle.create_study(slug="second", title="Second", protocol=Protocol(), actor=opened.alice)
    with pytest.raises(StudyError, match="the study 'chest' has opened it"):
        lifecycle.attach_case_set(
            study=study, cases_sha256="ab" * 32, sealed_sha256=opened.case_set.key_sha256, run_id="r",
            synthetic=True, actor=opened.alice,
        )  # fmt: skip


def test_a_draft_with_these_cases_is_locked_no_more_once_their_key_is_open(closed: Stock) -> None:
    draft = lifecycle.create_study(slug="second", title="Second", protocol=Protocol(), actor=closed.alice)
    with decoded_here():
        load_into_study(study=draft, folder=closed.case_set.folder, actor=None)
    look_for_names(draft, None)
    open_key(study=closed.study, key=closed.case_set.key, reason="over", actor=closed.alice)
    with pytest.raises(StudyError, match="the key of these cases is open"):
        lifecycle.lock(study=draft, actor=None)


def test_nothing_answers_before_the_key_is_open(closed: Stock) -> None:
    for answer in (unblinding_of, readings_of, computed):
        with pytest.raises(SealedError, match="'chest' is closed: its key is not open"):
            answer(closed.study)


def test_a_row_alone_opens_nothing(closed: Stock) -> None:
    Unblinding.objects.create(study=closed.study, key_sha256="0" * 64, reason="over", groups={})
    with pytest.raises(SealedError, match="its key is not open"):
        unblinding_of(closed.study)


@pytest.mark.parametrize("change", [{"arm": 2}, {"arm": None}])
def test_database_refuses_another_arm(opened: Stock, change: dict[str, object]) -> None:
    row = OpenedCase.objects.first()
    with pytest.raises(IntegrityError), transaction.atomic():
        OpenedCase.objects.filter(pk=row.pk).update(**change)


def test_database_refuses_a_second_opening(opened: Stock) -> None:
    for row in (Unblinding.objects.get(), OpenedCase.objects.first()):
        row.pk = None
        with pytest.raises(IntegrityError), transaction.atomic():
            row.save(force_insert=True)


def test_database_refuses_an_opening_without_reason(opened: Stock) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Unblinding.objects.update(reason="")


def test_command_opens(closed: Stock, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("open_key", "chest", key=closed.case_set.key, reason="over")
    assert capsys.readouterr().out.splitlines()[0] == "the key of 'chest' is open"
    assert Event.objects.get(kind="study.unblinded").actor is None


def test_command_says_why_not(stock: Stock) -> None:
    with pytest.raises(CommandError, match="the study is reading"):
        call_command("open_key", "chest", key=stock.case_set.key, reason="over")
    with pytest.raises(CommandError, match="got 'none'"):
        call_command("open_key", "none", key=stock.case_set.key, reason="over")
