"""Data sets uploaded in the browser: safe names, nothing overwritten, what is abandoned goes, one person's alone."""

import json
import logging
import os
import re
import shutil
import time
from collections import namedtuple
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from analysis.models import DataSet
from analysis.services import uploads
from analysis.services.data_sets import InputError
from readerstudy.accounts.models import User
from readerstudy.accounts.services import grant_researcher
from readerstudy.audit.models import Event
from tests.ledger.inputs import Inputs
from tests.stock import person

pytestmark = pytest.mark.django_db
LABELS = "labels/miccai2023_nih-cxr-lt_labels_test.csv"
FORM = {
    "slug": "sent", "images": "images", "labels_test": LABELS, "labels_train": "labels/train.csv",
    "labels_val": "labels/val.csv", "class_set": "nih-cxr-lt", "synthetic": "on",
}  # fmt: skip


@pytest.fixture
def rita(client: Client, tmp_path: Path, settings: Any) -> User:
    settings.DATA_ROOTS, settings.UPLOADS_ROOT = [tmp_path / "site"], tmp_path / "site" / "uploads"
    settings.DISK_FREE_GB = 0
    rita = person("Rita")
    grant_researcher(user=rita, actor=None)
    client.force_login(rita)
    return rita


def files_of(inputs: Inputs) -> dict[str, bytes]:
    found = [
        path for name in ("images", "labels") for path in (inputs.root / name).rglob("*") if path.is_file()
    ]
    return {path.relative_to(inputs.root).as_posix(): path.read_bytes() for path in sorted(found)}


def begun(client: Client, files: dict[str, bytes]) -> str:
    listed = SimpleUploadedFile(
        "files.json", json.dumps([[n, len(data)] for n, data in files.items()]).encode()
    )
    answer = client.post("/data-sets/new/upload/begin/", {"files": listed})
    assert answer.status_code == 200, answer.content
    address: str = answer.json()["address"]
    return address


def send(client: Client, address: str, number: int, data: bytes) -> Any:
    return client.post(f"{address}files/{number}/", data, content_type="application/octet-stream")


def send_all(client: Client, address: str, files: dict[str, bytes]) -> None:
    for number, data in enumerate(files.values()):
        assert send(client, address, number, data).status_code == 204


def test_from_files_to_a_data_set(client: Client, rita: User, inputs: Inputs, caplog: Any) -> None:
    caplog.set_level(logging.DEBUG)
    files = files_of(inputs)
    address = begun(client, files)
    assert send(client, address, 0, next(iter(files.values()))).status_code == 204
    assert f"1 of {len(files)} files have arrived" in client.get(address).content.decode()
    arrived = client.get(f"{address}files.json").json()["files"]
    assert [there for _, _, there in arrived] == [True, *[False] * (len(files) - 1)]
    assert [name for name, _, _ in arrived] == [*files]
    (folder,) = uploads.root().glob(".*")
    with pytest.raises(InputError, match="have not arrived"):
        uploads.register(folder, "sent", {}, rita.pk)
    send_all(client, address, files)
    wrong = client.post(address, {**FORM, "labels_test": "../labels/train.csv"})
    assert "expected a file inside this upload" in wrong.content.decode()
    assert not DataSet.objects.exists()
    preview = client.post(address, {**FORM, "preview": "1"})
    told = preview.content.decode()
    assert "What would be registered" in told
    count = sum(len(files[FORM[f"labels_{role}"]].splitlines()) - 1 for role in ("test", "train", "val"))
    assert re.search(rf"<dd>1\d of {count}: 1\d grey, 0 in colour", told)
    assert "Atelectasis" in told
    assert told.count("data-png=") >= 3
    assert not DataSet.objects.exists()
    assert client.post(address, FORM)["Location"] == "/data-sets/sent/"
    made = DataSet.objects.get()
    assert made.section["images"] == str(uploads.root() / "sent" / "images")
    assert {p.relative_to(uploads.root() / "sent").as_posix(): p.read_bytes()
            for p in (uploads.root() / "sent").rglob("*") if p.is_file()} == files  # fmt: skip
    assert [path.name for path in uploads.root().iterdir()] == ["sent"]
    assert client.get(address).status_code == 404
    event = Event.objects.get(kind="data_set.uploaded")
    assert (event.actor, event.values) == (rita, {"files": len(files), "mebibytes": 0})
    assert not [record for record in caplog.records if ".png" in record.getMessage()]


@pytest.mark.parametrize("name", ["IM-0001", "CD/DIR000/00000001", "1.2.840.113619.2.5", "a.dicom", "A.DCM"])
def test_dicom_files_are_taken_by_the_names_that_archives_give_them(rita: User, name: str) -> None:
    folder = uploads.begin([(name, 1)], rita.pk)
    assert uploads.names_of(folder) == [(name, 1, False)]


@pytest.mark.parametrize(
    "name",
    [
        "../a.png", "/a.png", "a/../b.png", "a//b.png", ".hidden.png", "a/.b/c.png", "a\\b.png", "a\n.png", "a\0.png",
        " a.png", "~a.png", "x" * 121 + ".png", "/".join("abcdefghi") + ".png", "a.exe", "a.html", "a.1a", "",
    ],
)  # fmt: skip
def test_a_name_that_leads_elsewhere_is_refused(rita: User, name: str) -> None:
    with pytest.raises(InputError):
        uploads.begin([("good.png", 5), (name, 5)], rita.pk)
    assert not list(uploads.root().parent.glob("**/*"))
    assert not Event.objects.filter(kind="data_set.uploaded").exists()


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ([], "expected 1 to"),
        ([("a.png", 0)], "with 0"),
        ([("a.png", 2**26 + 1)], "bytes"),
        ([("a.png", 5), ("A.png", 5)], "spelling"),
        ([("a.png", 5), ("a.png/b.png", 5)], "spelling"),
    ],
)
def test_what_cannot_be_kept_is_refused(rita: User, files: list[tuple[str, int]], why: str) -> None:
    with pytest.raises(InputError, match=why):
        uploads.begin(files, rita.pk)


def test_count_and_space_are_bounded(rita: User, monkeypatch: Any, settings: Any) -> None:
    monkeypatch.setattr(uploads, "MOST_FILES", 2)
    with pytest.raises(InputError, match="got 3"):
        uploads.begin([(f"{n}.png", 5) for n in range(3)], rita.pk)
    settings.DISK_FREE_GB = 1
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(2**30 + 2**21))
    uploads.begin([("a.png", 2**21)], rita.pk)
    with pytest.raises(InputError, match="at most 2 MiB"):
        uploads.begin([("a.png", 2**21), ("b.png", 2**21)], rita.pk)


def test_what_arrived_stays_as_it_came(client: Client, rita: User) -> None:
    address = begun(client, {"a.png": b"first", "b.png": b"other"})
    assert send(client, address, 0, b"first").status_code == 204
    assert send(client, address, 0, b"anew!").status_code == 204  # sent again after an answer that was lost
    for number, data in ((1, b"longer than told"), (1, b""), (2, b"first"), (99, b"")):
        refused = send(client, address, number, data)
        assert (refused.status_code, b"choose the same files again" in refused.content) == (409, True)
    (folder,) = uploads.root().glob(".*")
    assert [(path.name, path.read_bytes()) for path in (folder / "files").iterdir()] == [("a.png", b"first")]
    assert folder.stat().st_mode & 0o077 == 0


def test_only_its_owner_reaches_it(client: Client, rita: User) -> None:
    address = begun(client, {"a.png": b"first"})
    other = person("Olga")
    grant_researcher(user=other, actor=None)
    client.force_login(other)
    assert send(client, address, 0, b"first").status_code == 404
    assert client.get(address).status_code == client.get(f"{address}files.json").status_code == 404
    assert client.post(address, {"discard": "1"}).status_code == 404
    client.force_login(rita)
    client.post(address, {"discard": "1"})
    assert list(uploads.root().iterdir()) == []


def test_abandoned_uploads_go_and_registered_data_stay(client: Client, rita: User) -> None:
    address = begun(client, {"in/a.png": b"first", "in/b.png": b"other"})
    (uploads.root() / "kept").mkdir()
    send(client, address, 0, b"first")
    (folder,) = uploads.root().glob(".*")
    long_ago = time.time() - 8 * 86_400
    for path in (folder, uploads.root() / "kept", *folder.rglob("*")):
        os.utime(path, (long_ago, long_ago))
    send(client, address, 1, b"other")
    uploads.expire()
    assert folder.is_dir()  # something has just arrived
    for path in (folder, *folder.iterdir()):
        os.utime(path, (long_ago, long_ago))
    uploads.expire()
    assert [path.name for path in uploads.root().iterdir()] == ["kept"]


def test_a_name_that_is_taken_moves_nothing(client: Client, rita: User, inputs: Inputs) -> None:
    files = files_of(inputs)
    for _ in range(2):
        address = begun(client, files)
        send_all(client, address, files)
        last = client.post(address, FORM)
    assert "expected a new name" in last.content.decode()
    shutil.move(uploads.root() / "sent", uploads.root() / "elsewhere")
    assert "already registered" in client.post(address, FORM).content.decode()
    assert not (uploads.root() / "sent").exists()
    assert client.post(address, {**FORM, "slug": "again"}).status_code == 302


def test_uploads_lie_below_the_data_roots(rita: User, settings: Any, tmp_path: Path) -> None:
    settings.UPLOADS_ROOT = tmp_path / "elsewhere"
    with pytest.raises(InputError, match="below one of DATA_ROOTS"):
        uploads.begin([("a.png", 5)], rita.pk)
    assert not (tmp_path / "elsewhere").exists()


def test_what_is_wrong_with_an_upload_is_told_in_the_senders_words(
    client: Client, rita: User, inputs: Inputs
) -> None:
    """No folder of the server, and no key of a specification that nobody has written."""
    files = files_of(inputs)
    lines = files["labels/train.csv"].decode().splitlines()
    cells = lines[1].split(",")
    files["labels/train.csv"] = "\n".join(
        [lines[0], ",".join([cells[0], "", *cells[2:]]), *lines[2:]]
    ).encode()
    files["images/odd.png"] = b"no image"
    files["odd.csv"], files["none.csv"] = b"id,A\nodd.png,1\n", b"id,A\nnone.png,1\n"
    address = begun(client, files)
    send_all(client, address, files)
    own = {"preview": "1", "class_set": "own", "classes": "A", "labels_train": "", "labels_val": ""}
    asked: dict[str, dict[str, str]] = {
        "labels/train.csv, row 1, column": {"preview": "1"},
        "; Blank labels = ": {"preview": "1"},
        "labels/train.csv, row 1": {},
        "expected a file inside this upload; found nothing": {"labels_test": "../labels/train.csv"},
        "<li>odd.png: ": {**own, "labels_test": "odd.csv"},
        "expected the image images/none.png": {**own, "labels_test": "none.csv"},
    }
    for told, changed in asked.items():
        page = unescape(client.post(address, {**FORM, **changed}).content.decode())
        assert told in page
        assert str(uploads.root()) not in page, told
        assert "[data]" not in page
