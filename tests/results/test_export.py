"""The export: whole, verifiable, free of sources, and marked where readers were simulated."""

import csv
import hashlib
import io
import json
import subprocess
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import DjangoDbBlocker

from analysis.frames import RATINGS, check_table
from readerstudy.audit.models import Event
from readerstudy.ops.intake import load_into_study
from readerstudy.results.export import export_files, export_zip, guarded, write_export
from readerstudy.results.selectors import SealedError, ratings_frame
from readerstudy.results.services import open_key
from readerstudy.study import services
from readerstudy.study.models import Study
from readerstudy.study.protocol import Protocol
from tests.results.readings import ANSWERS, read_by_rule
from tests.stock import NONCE, SECRETS, Stock, make_case_set, person

pytestmark = pytest.mark.django_db

ALWAYS = {
    "README.txt", "ratings.csv", "data_dictionary.csv", "results.json", "protocol.json", "audit.csv",
    "MANIFEST.sha256", "tables/comparisons.csv", "tables/multiplicity.csv", "tables/missing.csv",
    "tables/paper_compatible.csv", "figures/forest.svg",
}  # fmt: skip


@pytest.fixture(scope="module")
def drill(
    _stock_of_module: Stock, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """Make a second study, read by simulated readers, inside the module's transaction."""
    with django_db_blocker.unblock():
        folder = tmp_path_factory.mktemp("simulated")
        case_set = make_case_set(folder, pairs=4, nonce=b"\x66" * 32)
        study = services.create_study(
            slug="drill", title="Drill", protocol=Protocol(), actor=None, simulated_readers=True
        )
        load_into_study(study=study, folder=case_set.folder, actor=None)
        for name in ("Sim1", "Sim2"):
            services.enrol_reader(study=study, person=person(name), actor=None)
        services.lock(study=study, actor=None)
        services.start(study=study, actor=None)
        for reader, rows in zip(study.readers.all(), ANSWERS.values(), strict=True):
            read_by_rule(reader, rows)
        services.close(study=study, actor=None, reason="the program has finished")
        open_key(study=study, key=case_set.key, reason="to see", actor=None)
        return study.slug


def test_zip_holds_every_file_with_its_digest(opened: Stock, tmp_path: Path) -> None:
    data = export_zip(opened.study)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        files = {name.removeprefix("chest/"): archive.read(name) for name in archive.namelist()}
        archive.extractall(tmp_path)
    assert set(files) >= ALWAYS
    lines = [line.split("  ") for line in files["MANIFEST.sha256"].decode().splitlines()]
    assert {name for _, name in lines} == set(files) - {"MANIFEST.sha256"}
    for digest, name in lines:
        assert hashlib.sha256(files[name]).hexdigest() == digest
    check = ["sha256sum", "--check", "--strict", "--quiet", "MANIFEST.sha256"]
    subprocess.run(check, cwd=tmp_path / "chest", check=True)


def test_the_same_study_gives_the_same_zip(opened: Stock) -> None:
    assert export_zip(opened.study) == export_zip(opened.study)


def test_ratings_csv_reads_back_as_the_ratings(opened: Stock) -> None:
    text = dict(export_files(opened.study))["ratings.csv"].decode()
    read = pd.read_csv(io.StringIO(text), dtype={"pair": str, "batch": str})
    check_table(read, RATINGS)
    assert list(read.columns) == RATINGS.names
    frame = ratings_frame(opened.study)
    pd.testing.assert_frame_equal(read, frame, check_dtype=False)


def test_data_dictionary_explains_every_column(opened: Stock) -> None:
    rows = list(csv.DictReader(io.StringIO(dict(export_files(opened.study))["data_dictionary.csv"].decode())))
    assert [row["column"] for row in rows] == RATINGS.names
    assert all(row["meaning"] for row in rows)


def test_protocol_has_the_locked_digest(opened: Stock) -> None:
    data = dict(export_files(opened.study))["protocol.json"]
    assert hashlib.sha256(data).hexdigest() == opened.study.protocol_sha256
    assert json.loads(data)["sealed_sha256"] == opened.case_set.key_sha256


def test_audit_holds_every_event_of_the_study_and_no_other(opened: Stock) -> None:
    rows = list(csv.DictReader(io.StringIO(dict(export_files(opened.study))["audit.csv"].decode())))
    events = list(Event.objects.filter(study=opened.study.key).order_by("sequence"))
    assert [row["digest"] for row in rows] == [event.digest for event in events]
    assert [json.loads(row["values"]) for row in rows] == [event.values for event in events]
    assert {"study.locked", "answers.saved", "study.closed", "study.unblinded"} <= {
        row["kind"] for row in rows
    }


def test_no_source_seed_or_nonce_is_exported(opened: Stock) -> None:
    seeds = [bytes(reader.order_seed).hex() for reader in opened.readers]
    never = [secret for secret in SECRETS if secret[0] not in "01"] + [NONCE.hex(), *seeds]
    for name, data in export_files(opened.study):
        text = name + data.decode()
        assert not [secret for secret in never if secret in text], name
        for one in (opened.bob, opened.bella):
            assert one.email not in text
            assert one.name not in text


def test_sealed_study_exports_nothing_and_leaves_nothing(closed: Stock, tmp_path: Path) -> None:
    with pytest.raises(SealedError):
        export_zip(closed.study)
    with pytest.raises(SealedError):
        write_export(closed.study, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_folder_has_the_files_of_the_zip(opened: Stock, tmp_path: Path) -> None:
    write_export(opened.study, tmp_path / "deep" / "out")
    written = {
        str(path.relative_to(tmp_path / "deep" / "out")): path.read_bytes()
        for path in (tmp_path / "deep" / "out").rglob("*")
        if path.is_file()
    }
    assert written == dict(export_files(opened.study))
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["out"]
    with pytest.raises(FileExistsError, match="choose another --out"):
        write_export(opened.study, tmp_path / "deep" / "out")


def test_command_exports_and_leaves_an_event(opened: Stock, tmp_path: Path) -> None:
    call_command("export_results", "chest", out=tmp_path / "out")
    assert (tmp_path / "out" / "ratings.csv").exists()
    assert Event.objects.get(kind="study.exported").study == opened.study.key
    with pytest.raises(CommandError, match="choose another --out"):
        call_command("export_results", "chest", out=tmp_path / "out")


def test_download_leaves_an_event_a_refused_one_does_not(opened: Stock) -> None:
    client = Client()
    client.force_login(opened.charlie)
    assert client.get("/results/chest/export.zip").status_code == 404
    assert not Event.objects.filter(kind="study.exported").exists()
    client.force_login(opened.rita)
    response = client.get("/results/chest/export.zip")
    assert (response.status_code, response["Content-Type"]) == (200, "application/zip")
    assert response["Cache-Control"] == "private, no-store"
    assert Event.objects.get(kind="study.exported").actor == opened.rita


def test_a_study_nobody_read_says_so(stock: Stock) -> None:
    services.close(study=stock.study, actor=stock.alice, reason="nobody came")
    open_key(study=stock.study, key=stock.case_set.key, reason="over", actor=stock.alice)
    client = Client()
    client.force_login(stock.alice)
    assert client.get("/results/chest/").status_code == 200
    page = client.get("/results/chest/export.zip", follow=True)
    assert page.redirect_chain == [("/results/chest/", 302)]


def test_every_file_of_a_simulated_study_says_so(drill: str, stock: Stock) -> None:
    files = dict(export_files(Study.objects.get(slug=drill)))
    assert set(files) >= ALWAYS
    silent = [
        name for name, data in files.items() if b"SIM-R" not in data and b"simulated" not in data.lower()
    ]
    assert silent == []
    assert files["README.txt"].startswith(b"SIMULATED READERS")
    assert set(ratings_frame(Study.objects.get(slug=drill))["reader"]) == {"SIM-R01", "SIM-R02"}


def test_a_manifest_with_a_mark_can_be_checked(drill: str, stock: Stock, tmp_path: Path) -> None:
    write_export(Study.objects.get(slug=drill), tmp_path / "out")
    check = ["sha256sum", "--check", "--strict", "--quiet", "MANIFEST.sha256"]
    subprocess.run(check, cwd=tmp_path / "out", check=True)


def test_no_file_of_a_study_read_by_people_says_simulated(opened: Stock) -> None:
    for name, data in export_files(opened.study):
        assert b"SIMULATED" not in data, name
        assert b"SIM-R" not in data, name


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@x", " =1", "\t=1", "\r=1", "＝1", "＋1", "－1", "＠x"]
)
def test_formulas_are_guarded(text: str) -> None:
    assert guarded(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "all done", "1 = 1", "R01"])
def test_plain_words_stay(text: str) -> None:
    assert guarded(text) == text
