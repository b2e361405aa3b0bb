"""A key and a sealed report are known by what is in them, under any name; what may be seen is taken for none."""

import gzip
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.caseset import CaseSet
from analysis.caseset.sealed import is_sealed
from tests.stock import make_case_set


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> CaseSet:
    return make_case_set(tmp_path_factory.mktemp("set"), pairs=2)


def zipped(path: Path, data: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("readme.txt", "nothing")
        archive.writestr("inside/notes.txt", data)


DISGUISES: dict[str, Callable[[Path, bytes], object]] = {
    "another name": lambda path, data: path.write_bytes(data),
    "a byte order mark": lambda path, data: path.write_bytes(b"\xef\xbb\xbf" + data),
    "UTF-16, as a spreadsheet saves": lambda path, data: path.write_bytes(data.decode().encode("utf-16")),
    "a blank first line": lambda path, data: path.write_bytes(b"\r\n" + data),
    "line ends of Windows": lambda path, data: path.write_bytes(data.replace(b"\n", b"\r\n")),
    "gzip": lambda path, data: path.write_bytes(gzip.compress(data)),
    "zip": zipped,
}


@pytest.mark.parametrize("name", DISGUISES)
def test_a_sealed_half_is_known_in_every_guise(written: CaseSet, tmp_path: Path, name: str) -> None:
    for number, half in enumerate((written.key, written.report)):
        path = tmp_path / f"{number}.bin"
        DISGUISES[name](path, half.read_bytes())
        assert is_sealed(path) == (name != "UTF-16, as a spreadsheet saves" or half == written.key)


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_a_key_with_other_separators_and_without_its_nonce_is_known(
    written: CaseSet, tmp_path: Path, separator: str
) -> None:
    rows = [line.rsplit(",", 1)[0] for line in written.key.read_text().splitlines()]
    text = "\n".join(
        separator.join(f'"{cell.upper() if n == 0 else cell}"' for cell in row.split(","))
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
        "empty": b"", "noise": bytes(range(256)) * 40, "report.json": json.dumps({"kind": "case set"}).encode(),
    }  # fmt: skip
    for name, content in seen.items():
        (tmp_path / name).write_bytes(content)
        assert not is_sealed(tmp_path / name)
    assert not is_sealed(tmp_path / "absent")
