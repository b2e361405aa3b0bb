"""Ratings uploaded on the page: the results are those of the command, and nothing of it stays."""

import io
import os
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.http.response import HttpResponseBase
from django.test import Client

from analysis.services import ratings
from analysis.stats import simulate_study
from analysis.tablefolder import csv_text
from readerstudy.accounts.models import User
from readerstudy.accounts.services import grant_researcher
from readerstudy.audit.models import Event
from tests.exchange.test_via import row, via
from tests.stock import person

pytestmark = pytest.mark.django_db
CHOICES = {"groups": "PIE; PIEs; control; controls", "primary": "u_centred", "seed": "7"}


@pytest.fixture
def rita(client: Client, tmp_path: Path, settings: Any) -> User:
    settings.HANDOVERS_ROOT = tmp_path / "under-way"
    rita = person("Rita")
    grant_researcher(user=rita, actor=None)
    client.force_login(rita)
    return rita


def asked(client: Client, command: str, **given: Any) -> tuple[str, HttpResponseBase]:
    """Send a form and let the worker's task do what is asked; return the page's address and the page."""
    sent = client.post(
        "/ratings/", {"command": command, **{f"{command}-{name}": one for name, one in given.items()}}
    )
    assert sent.status_code == 302, sent.content.decode()
    place = sent["Location"]
    waiting = client.get(place)
    assert (waiting.status_code, b"waiting for a worker" in waiting.content) == (202, True)
    ratings.make(place.split("/")[2], User.objects.get(email="rita@example.org").pk)
    return place, client.get(place)


def body(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


@pytest.fixture(scope="module")
def table() -> bytes:
    return csv_text(simulate_study(readers=4, cases=12, seed=3)).encode()


def test_the_zip_is_what_the_command_writes_and_is_taken_once(
    client: Client, rita: User, table: bytes, tmp_path: Path
) -> None:
    place, page = asked(
        client, "analyse_ratings", ratings=SimpleUploadedFile("of-a-ward.csv", table), **CHOICES
    )
    assert page.status_code == 200
    assert str(tmp_path) not in page.content.decode()
    (tmp_path / "ratings.csv").write_bytes(table)
    call_command(
        "analyse_ratings", tmp_path / "ratings.csv", out=tmp_path / "out", seed=7, primary="u_centred"
    )
    report = client.get(f"{place}report.html")
    assert report["Content-Disposition"].startswith("attachment")
    assert body(report) == (tmp_path / "out" / "report.html").read_bytes()
    with zipfile.ZipFile(io.BytesIO(body(client.post(place)))) as made:
        wanted = {
            path.relative_to(tmp_path / "out").as_posix(): path for path in (tmp_path / "out").rglob("*.*")
        }
        assert {name for name in made.namelist() if not name.endswith("/")} == {*wanted, "ratings.csv"}
        assert all(
            made.read(name) == path.read_bytes()
            for name, path in wanted.items()
            if name.endswith((".csv", ".json"))
        )
    assert list((tmp_path / "under-way").iterdir()) == []
    assert client.get(place).status_code == 404
    event = Event.objects.get(kind="ratings.analysed")
    assert (event.actor, event.subject, event.values) == (rita, "", {})


def test_an_analysis_is_repeated(client: Client, rita: User, table: bytes, tmp_path: Path) -> None:
    (tmp_path / "ratings.csv").write_bytes(table)
    call_command(
        "analyse_ratings", tmp_path / "ratings.csv", out=tmp_path / "out", seed=11, primary="theta_set"
    )
    like = SimpleUploadedFile("some.json", (tmp_path / "out" / "results.json").read_bytes())
    given = {name: value for name, value in CHOICES.items() if name != "seed"}
    place, _ = asked(
        client, "analyse_ratings", ratings=SimpleUploadedFile("a.csv", table), like=like, **given
    )
    with zipfile.ZipFile(io.BytesIO(body(client.post(place)))) as made:
        assert made.read("results.json") == (tmp_path / "out" / "results.json").read_bytes()


def test_via_files_are_named_by_their_readers(client: Client, rita: User, tmp_path: Path) -> None:
    cases = [f"{number}.png" for number in range(6)]
    files = []
    for number, name in enumerate(("r1.csv", "r2.csv", "r3.csv")):
        path = via(tmp_path, name, *(row(case) for case in cases[number % 2 :] + cases[: number % 2]))
        files.append(SimpleUploadedFile(name, path.read_bytes()))
    place, page = asked(client, "import_via", files=files, cases="shared", first_exemplars="3")
    assert "3 readers, 6 cases, 18 readings" in page.content.decode()
    assert "Kruskal-Wallis" in page.content.decode()
    with zipfile.ZipFile(io.BytesIO(body(client.post(place)))) as made:
        assert {line.split(",")[0] for line in made.read("ratings.csv").decode().split()[1:]} == {
            "r1",
            "r2",
            "r3",
        }


def test_what_cannot_be_analysed_is_said_without_a_place(client: Client, rita: User, tmp_path: Path) -> None:
    wrong = SimpleUploadedFile("a.csv", b"reader,case\nR1,C1\n")
    place, page = asked(client, "analyse_ratings", ratings=wrong, **CHOICES)
    told = page.content.decode()
    assert "could not be analysed" in told
    assert "expected" in told
    assert str(tmp_path) not in told
    assert client.get(f"{place}report.html").status_code == 404
    assert client.post(place)["Location"] == "/ratings/"
    assert list((tmp_path / "under-way").iterdir()) == []
    double = [SimpleUploadedFile("r1.csv", b"x"), SimpleUploadedFile("r1.csv", b"x")]
    given = {"command": "import_via", "import_via-files": double, "import_via-cases": "own"}
    assert "different names, one per reader" in client.post("/ratings/", given).content.decode()
    assert "This field is required" in client.post("/ratings/", {"command": "import_via"}).content.decode()


def test_an_hour_later_and_for_anybody_else_there_is_nothing(
    client: Client, rita: User, table: bytes, tmp_path: Path
) -> None:
    sent = SimpleUploadedFile("a.csv", table)
    place, _ = asked(client, "analyse_ratings", ratings=sent, **CHOICES)
    other = person("Olga")
    grant_researcher(user=other, actor=None)
    client.force_login(other)
    assert client.get(place).status_code == client.post(place).status_code == 404
    client.force_login(rita)
    ratings.expire()
    assert client.get(place).status_code == 200
    (folder,) = (tmp_path / "under-way").iterdir()
    assert folder.stat().st_mode & 0o077 == 0
    long_ago = time.time() - 3601
    for path in (*folder.iterdir(), folder):
        os.utime(path, (long_ago, long_ago))
    ratings.expire()
    assert list((tmp_path / "under-way").iterdir()) == []
    ratings.make(place.split("/")[2], rita.pk)  # a message that comes late makes nothing
    assert list((tmp_path / "under-way").iterdir()) == []
