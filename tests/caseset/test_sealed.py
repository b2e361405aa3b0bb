"""A key and a sealed report are known by what is in them, under any name; what may be seen is taken for none."""

import bz2
import codecs
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.caseset import CaseSet, sealed
from analysis.caseset.sealed import is_sealed
from tests.stock import make_case_set


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> CaseSet:
    return make_case_set(tmp_path_factory.mktemp("set"), pairs=2)


def zipped(path: Path, data: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("readme.txt", "nothing")
        archive.writestr("inside/notes.txt", data)


def tarred(path: Path, data: bytes, form: str = "", *, before: int = 0) -> None:
    """A tar archive in which a file comes after a folder and as many others."""
    with tarfile.open(path, f"w:{form}") as archive:  # type: ignore[call-overload]
        folder = tarfile.TarInfo("kept")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, content in [*((f"{n}.txt", b"nothing") for n in range(before)), ("kept/notes.txt", data)]:
            file = tarfile.TarInfo(name)
            file.size = len(content)
            archive.addfile(file, io.BytesIO(content))


DISGUISES: dict[str, Callable[[Path, bytes], object]] = {
    "another name": lambda path, data: path.write_bytes(data),
    "a byte order mark": lambda path, data: path.write_bytes(b"\xef\xbb\xbf" + data),
    "UTF-16, as a spreadsheet saves": lambda path, data: path.write_bytes(data.decode().encode("utf-16")),
    "UTF-16, as other machines write it": lambda path, data: path.write_bytes(
        codecs.BOM_UTF16_BE + data.decode().encode("utf-16-be")
    ),
    "a blank first line": lambda path, data: path.write_bytes(b"\r\n" + data),
    "line ends of Windows": lambda path, data: path.write_bytes(data.replace(b"\n", b"\r\n")),
    "gzip": lambda path, data: path.write_bytes(gzip.compress(data)),
    "bzip2": lambda path, data: path.write_bytes(bz2.compress(data)),
    "xz": lambda path, data: path.write_bytes(lzma.compress(data)),
    "zip": zipped,
    "tar": tarred,
    "tar.gz": lambda path, data: tarred(path, data, "gz"),
    "tar.xz": lambda path, data: tarred(path, data, "xz"),
    "tar behind others": lambda path, data: tarred(path, data, before=998),
}


@pytest.mark.parametrize("name", DISGUISES)
def test_a_sealed_half_is_known_in_every_guise(written: CaseSet, tmp_path: Path, name: str) -> None:
    for number, half in enumerate((written.key, written.report)):
        path = tmp_path / f"{number}.bin"
        DISGUISES[name](path, half.read_bytes())
        assert is_sealed(path)


def test_of_an_archive_the_first_part_is_looked_at(
    written: CaseSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As docs/production.md says: a data set may hold archives of many gigabytes."""
    tarred(tmp_path / "many", written.key.read_bytes(), before=999)
    assert not is_sealed(tmp_path / "many")
    tarred(tmp_path / "long", written.key.read_bytes(), "gz", before=20)
    assert is_sealed(tmp_path / "long")
    # The folder and twenty files of a header and a block, 512 bytes each, lie before it.
    for reach, found in ((512 + 20 * 1024, True), (512 + 20 * 1024 - 1, False)):
        monkeypatch.setattr(sealed, "REACH", reach)
        assert is_sealed(tmp_path / "long") == found


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_a_key_with_other_separators_and_without_its_nonce_is_known(
    written: CaseSet, tmp_path: Path, separator: str
) -> None:
    rows = [line.rsplit(",", 1)[0] for line in written.key.read_text().splitlines()]
    text = "\n".join(
        separator.join(f'" {cell.upper() if n == 0 else cell} "' for cell in row.split(","))
        for n, row in enumerate(rows)
    )
    (tmp_path / "mine.txt").write_text(text)
    assert is_sealed(tmp_path / "mine.txt")


def test_what_may_be_seen_is_none(written: CaseSet, tmp_path: Path) -> None:
    for path in written.folder.rglob("*"):
        assert not is_sealed(path)
    seen = {
        "opened.csv": b"case,arm,pair,score,class_group,n_findings,labels\n1,1,0,0.5,head,1,x\n",
        "answers.csv": b"reader,case,arm,agree\n", "broken.gz": b"\x1f\x8bnothing", "broken.zip": b"PK\x03\x04nothing",
        "broken.bz2": b"BZhnothing", "broken.xz": b"\xfd7zXZ\x00nothing", "cut.gz": gzip.compress(b"x" * 999)[:20],
        "broken.tar": bytes(257) + b"ustar" + bytes(range(200)), "wrong.gz": gzip.compress(b"a" * 99)[:-20] + b"x" * 20,
        "cell.csv": b"case," + b"a" * 200_000 + b"\n", "quote.csv": b'case,"arm\r,nonce',
        "empty": b"", "noise": bytes(range(256)) * 40, "report.json": json.dumps({"kind": "case set"}).encode(),
    }  # fmt: skip
    for name, content in seen.items():
        (tmp_path / name).write_bytes(content)
        assert not is_sealed(tmp_path / name)
    assert not is_sealed(tmp_path / "absent")


def test_what_is_encrypted_is_not_known_to_be_one(written: CaseSet, tmp_path: Path) -> None:
    zipped(tmp_path / "locked.zip", written.key.read_bytes())
    content = bytearray((tmp_path / "locked.zip").read_bytes())
    for magic, flags in (
        (b"PK\x03\x04", 6),
        (b"PK\x01\x02", 8),
    ):  # say of every file that it wants a password
        place = content.find(magic)
        while place >= 0:
            content[place + flags] |= 1
            place = content.find(magic, place + 1)
    (tmp_path / "locked.zip").write_bytes(content)
    assert not is_sealed(tmp_path / "locked.zip")
