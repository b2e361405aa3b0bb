"""The export: whole, verifiable, free of sources, and marked where readers were simulated."""

import csv
import hashlib
import io
import json
import re
import subprocess
import sys
import zipfile
from base64 import b64decode
from pathlib import Path

import pandas as pd
import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import DjangoDbBlocker

from analysis.exchange.via import read_via
from analysis.frames import RATINGS, check_table, rated
from analysis.tablefolder import guarded
from readerstudy.accounts.models import User
from readerstudy.audit.models import Event
from readerstudy.ops.loading import load_into_study
from readerstudy.results.computed import computed
from readerstudy.results.export import export_files, export_zip, registration_of, write_export
from readerstudy.results.services import open_key
from readerstudy.results.values import SealedError
from readerstudy.study.design import lifecycle
from readerstudy.study.models import Rating, Study
from readerstudy.study.people.members import enrol_reader
from readerstudy.study.protocol import Protocol
from tests.guards import drop_guards
from tests.results.readings import ANSWERS, read_by_rule
from tests.stock import NONCE, SECRETS, Stock, decoded_here, look_for_names, make_case_set, person

pytestmark = pytest.mark.django_db

ALWAYS = {
    "README.txt", "ratings.csv", "data_dictionary.csv", "results.json", "protocol.json", "audit.csv",
    "MANIFEST.sha256", "tables/comparisons.csv", "tables/multiplicity.csv", "tables/missing.csv",
    "tables/paper_compatible.csv", "tables/agreement.csv", "figures/forest.svg", "figures/flow.svg", "report.html",
    "wide.csv", "answers.csv", "cases.csv", "order.csv", "readers.csv", "imrmc/ratings.imrmc", "environment.txt",
    "orders.json", "audit_heads.json", "recompute.py", "code/analysis/stats/ustatistic.py",
}  # fmt: skip


@pytest.fixture(scope="module")
def drill(
    _stock_of_module: Stock, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """Make a second study, read by simulated readers, inside the module's transaction."""
    with django_db_blocker.unblock():
        folder = tmp_path_factory.mktemp("simulated")
        case_set = make_case_set(folder, pairs=4, nonce=b"\x66" * 32)
        study = lifecycle.create_study(
            slug="drill", title="Drill", protocol=Protocol(), actor=None, simulated_readers=True
        )
        with decoded_here():
            load_into_study(study=study, folder=case_set.folder, actor=None)
        for name in ("Sim1", "Sim2"):
            enrol_reader(study=study, person=person(name), actor=None)
        look_for_names(study, None)
        lifecycle.lock(study=study, actor=None)
        lifecycle.start(study=study, actor=None)
        for reader, rows in zip(study.readers.all(), ANSWERS.values(), strict=True):
            read_by_rule(reader, rows)
        lifecycle.close(study=study, actor=None, reason="the program has finished")
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
    assert list(read.columns) == rated()
    frame = computed(opened.study).ratings
    pd.testing.assert_frame_equal(read, frame, check_dtype=False)


def test_data_dictionary_explains_every_column_of_every_table(opened: Stock) -> None:
    files = dict(export_files(opened.study))
    rows = list(csv.DictReader(io.StringIO(files["data_dictionary.csv"].decode())))
    explained = {(row["file"], row["column"]) for row in rows}
    assert all(row["meaning"] for row in rows)
    readers = {"R01", "R02"}
    for name, data in files.items():
        if (
            not name.endswith(".csv")
            or name.startswith(("via/", "code/"))
            or name in {"audit.csv", "data_dictionary.csv"}
        ):
            continue
        for column in next(csv.reader(io.StringIO(data.decode()))):
            own = name == "wide.csv" and column.split("_")[0] in readers
            assert own or (name, column) in explained, (name, column)


def test_readers_csv_has_the_profile_and_no_name(opened: Stock) -> None:
    User.objects.filter(pk=opened.bob.pk).update(years_reading=12, specialty="Thoracic radiology")
    text = dict(export_files(opened.study))["readers.csv"].decode()
    rows = {row["reader"]: row for row in csv.DictReader(io.StringIO(text))}
    assert (rows["R01"]["years_reading"], rows["R01"]["specialty"]) == ("12", "Thoracic radiology")
    assert (rows["R02"]["years_reading"], rows["R02"]["specialty"]) == ("", "")
    assert "Bob" not in text
    assert "example.org" not in text


def test_audit_heads_are_those_of_the_chains(opened: Stock) -> None:
    kept = json.loads(dict(export_files(opened.study))["audit_heads.json"])
    assert kept["study"] == str(opened.study.key)
    last = Event.objects.filter(study=opened.study.key).order_by("sequence").last()
    assert kept["audit_heads"]["study"] == {"sequence": last.sequence, "digest": last.digest}


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


def test_no_source_nonce_or_name_is_exported(opened: Stock) -> None:
    never = [secret for secret in SECRETS if secret[0] not in "01"] + [NONCE.hex()]
    for name, data in export_files(opened.study):
        # Pictures inside the report are decoded: any name of three letters comes by chance in base64.
        plain = str(registration_of(opened.study)) if name == "registration.pdf" else data.decode()
        text = name + re.sub(r"base64,([A-Za-z0-9+/=]+)", lambda found: b64decode(found[1]).decode(), plain)
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
    assert {"private", "no-store"} <= set(response["Cache-Control"].split(", "))
    assert Event.objects.get(kind="study.exported").actor == opened.rita


def test_every_file_of_a_simulated_study_says_so(drill: str, stock: Stock) -> None:
    files = dict(export_files(Study.objects.get(slug=drill)))
    assert set(files) >= ALWAYS
    # The program's own code is no file of the study.
    silent = [
        name
        for name, data in files.items()
        if not name.startswith("code/") and b"simulated" not in data.lower()
    ]
    assert silent == []
    assert files["README.txt"].startswith(b"SIMULATED READERS")
    assert set(computed(Study.objects.get(slug=drill)).ratings["reader"]) == {"SIM-R01", "SIM-R02"}


def test_the_mark_survives_the_analysis_of_the_exported_ratings(
    drill: str, stock: Stock, tmp_path: Path
) -> None:
    ratings = tmp_path / "ratings.csv"
    ratings.write_bytes(dict(export_files(Study.objects.get(slug=drill)))["ratings.csv"])
    call_command("analyse_ratings", ratings, out=tmp_path / "results")
    assert json.loads((tmp_path / "results" / "results.json").read_text())["simulated"] is True
    assert "SIMULATED" in (tmp_path / "results" / "report.html").read_text()
    write_export(Study.objects.get(slug=drill), tmp_path / "out")
    key = pd.read_csv(tmp_path / "out" / "cases.csv", dtype=str)
    back = read_via(sorted((tmp_path / "out" / "via").iterdir()), cases="shared", key=key).ratings
    assert set(back["simulated"]) == {"yes"}
    plain = pd.read_csv(ratings, dtype=str).drop(columns="simulated")
    plain.to_csv(ratings, index=False)
    call_command("analyse_ratings", ratings, out=tmp_path / "plain")
    assert json.loads((tmp_path / "plain" / "results.json").read_text())["simulated"] is False


def test_a_manifest_with_a_mark_can_be_checked(drill: str, stock: Stock, tmp_path: Path) -> None:
    write_export(Study.objects.get(slug=drill), tmp_path / "out")
    check = ["sha256sum", "--check", "--strict", "--quiet", "MANIFEST.sha256"]
    subprocess.run(check, cwd=tmp_path / "out", check=True)


def test_no_file_of_a_study_read_by_people_says_simulated(opened: Stock) -> None:
    for name, data in export_files(opened.study):
        if name.startswith("code/"):
            continue
        assert b"SIMULATED" not in data, name
        assert b"SIM-R" not in data, name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        *(
            (text, f"'{text}")
            for text in ("=1+1", "+1", "-1", "@x", " =1", "＝1", "＋1", "－1", "＠x", "\tx")
        ),
        ("\t=1", "'\t'=1"),
        ("\r=1", "'\r'=1"),
        ("x; =1;y\t+1", "x;' =1;y\t'+1"),
    ],
)
def test_formulas_are_guarded(text: str, shown: str) -> None:
    assert guarded(text) == shown


@pytest.mark.parametrize("text", ["", "all done", "1 = 1", "R01"])
def test_plain_words_stay(text: str) -> None:
    assert guarded(text) == text


def unzipped(study: Study, folder: Path) -> Path:
    with zipfile.ZipFile(io.BytesIO(export_zip(study))) as archive:
        archive.extractall(folder)
    return folder / study.slug


def recomputed(folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run the script of an export with nothing of the product at hand."""
    return subprocess.run(
        [sys.executable, "-I", folder / "recompute.py"],
        cwd=folder,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )


def test_script_recomputes_the_results_from_the_unzipped_export(opened: Stock, tmp_path: Path) -> None:
    folder = unzipped(opened.study, tmp_path)
    done = recomputed(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    compared, differ = re.fullmatch(r"(\d+) values compared, (\d+) differ\n", done.stdout).groups()  # type: ignore[union-attr]
    assert int(compared) > 1000
    assert differ == "0"


def test_script_finds_a_rating_and_a_result_that_were_changed(opened: Stock, tmp_path: Path) -> None:
    folder = unzipped(opened.study, tmp_path)
    results = (folder / "results.json").read_text()
    number = json.loads(results)["comparisons"][0]["estimate"]
    (folder / "results.json").write_text(results.replace(repr(number), repr(number + 1e-6), 1))
    done = recomputed(folder)
    assert done.returncode == 1
    assert (
        f"results.comparisons[0].estimate: {number + 1e-06!r} is stored, {number!r} was computed"
        in done.stdout
    )
    (folder / "results.json").write_text(results)
    ratings = (folder / "ratings.csv").read_text().splitlines()
    place = ratings[0].split(",").index("quality")
    # The order is drawn again each time, and a reading with a technical problem has no answer to change.
    row = next(k for k, line in enumerate(ratings) if k and line.split(",")[place])
    cells = ratings[row].split(",")
    cells[place] = "1" if cells[place] != "1" else "5"
    ratings[row] = ",".join(cells)
    (folder / "ratings.csv").write_text("\n".join([*ratings, ""]))
    done = recomputed(folder)
    assert done.returncode == 1
    assert "results.comparisons" in done.stdout


def test_every_question_goes_out_whatever_its_kind(opened: Stock) -> None:
    files = dict(export_files(opened.study))
    rows = list(csv.DictReader(io.StringIO(files["answers.csv"].decode())))
    assert len(rows) == 60
    assert {row["question"] for row in rows} == {"agree", "quality", "difficulty"}
    assert {row["status"] for row in rows} == {"answered", "cannot_assess", "technical", "missing"}
    assert all((row["value"] != "") == (row["status"] == "answered") for row in rows)


def test_wide_table_and_order_have_what_the_ratings_have(opened: Stock) -> None:
    files = dict(export_files(opened.study))
    ratings = computed(opened.study).ratings
    wide = pd.read_csv(io.StringIO(files["wide.csv"].decode())).set_index("case")
    order = pd.read_csv(io.StringIO(files["order.csv"].decode()))
    for row in ratings.to_dict("records"):
        value = wide.loc[row["case"], f"{row['reader']}_quality"]
        assert (pd.isna(value) and pd.isna(row["quality"])) or value == row["quality"]
    assert (
        order[["reader", "case", "position"]].values.tolist()
        == ratings[["reader", "case", "position"]].values.tolist()
    )
    assert (order["first_saved_at"].isna() == (ratings["agree_status"] == "missing")).all()


def test_via_files_and_list_give_the_ratings_back(opened: Stock, tmp_path: Path) -> None:
    folder = unzipped(opened.study, tmp_path)
    key = pd.read_csv(folder / "cases.csv", dtype=str)
    back = read_via(sorted((folder / "via").iterdir()), cases="shared", key=key).ratings
    mine = computed(opened.study).ratings.sort_values(["reader", "case"])
    for name in ("agree", "quality", "difficulty"):
        found = back.sort_values(["reader", "case"])[name].astype(float).tolist()
        assert pd.Series(found).equals(pd.Series(mine[name].astype(float).tolist()))
    lines = (folder / "imrmc" / "ratings.imrmc").read_text().splitlines()
    assert "simulated" not in back.columns
    assert lines.index("BEGIN DATA:") == 7
    assert len(lines) == 8 + 10 + int(mine[["agree", "quality", "difficulty"]].notna().sum().sum())


def test_marks_that_belong_to_no_question_are_exported(opened: Stock) -> None:
    mark = {"question": "", "kind": "point", "points": [[3, 4]]}
    Rating.objects.filter(assignment__reader=opened.readers[0]).update(marks=[mark])
    text = dict(export_files(opened.study))["answers.csv"].decode()
    rows = [row for row in csv.DictReader(io.StringIO(text)) if row["question"] == "marks"]
    assert {(row["reader"], row["kind"]) for row in rows} == {("R01", "mark")}
    assert [json.loads(row["value"]) for row in rows] == [[mark]] * len(rows)
    assert rows


def test_a_remark_that_looks_like_a_formula_is_guarded(opened: Stock) -> None:
    Rating.objects.filter(assignment__reader=opened.readers[0]).update(comment="=HYPERLINK(1)")
    files = dict(export_files(opened.study))
    rows = [
        r for r in csv.DictReader(io.StringIO(files["answers.csv"].decode())) if r["question"] == "comment"
    ]
    assert {json.loads(row["value"]) for row in rows} == {"=HYPERLINK(1)"}  # as JSON it begins with a quote
    drop_guards()  # a locked title cannot be changed
    Study.objects.filter(pk=opened.study.pk).update(title="=1+1")
    opened.study.refresh_from_db()
    assert dict(export_files(opened.study))["README.txt"].decode().split("\n")[1].startswith("'=1+1")
