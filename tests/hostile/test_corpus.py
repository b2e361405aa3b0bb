"""Every hostile file is refused by a named error, in bounded time and memory, and does nothing."""

import resource
import time
from pathlib import Path

import pytest

from analysis.caseset import CaseSetError
from analysis.frames import FrameError
from readerstudy.cases.confined import decode_confined
from readerstudy.cases.refusals import ImageRefusedError
from readerstudy.cases.window import WindowRule
from tests.hostile import dicoms, raster, tables

pytestmark = pytest.mark.drill

SECONDS, BYTES = 30, 1_500_000_000
WIDE_SECONDS = 2
"""Of this process: a table's width is refused before it is parsed."""

IMAGES = [*raster.files(), *dicoms.files()]


def test_the_corpus_is_large(tmp_path: Path) -> None:
    names = [name for name, _ in IMAGES] + [name for name, _, _ in tables.files(tmp_path)]
    names += [name for name, _ in tables.case_sets(tmp_path)]
    assert len(set(names)) == len(names) >= 150


@pytest.mark.parametrize(("name", "data"), IMAGES, ids=[name for name, _ in IMAGES])
def test_image_is_refused(name: str, data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(data)
    start = time.monotonic()
    with path.open("rb") as file, pytest.raises(ImageRefusedError) as caught:
        decode_confined(file, window_rule=WindowRule.DICOM)
    assert time.monotonic() - start < SECONDS
    assert raster.CANARY not in str(caught.value)


def test_every_other_file_is_refused(tmp_path: Path) -> None:
    """In this process, as the commands do; what code in a file would make is not made."""
    trap, before = tmp_path / "made by code in a file", _peak()
    wrong = []
    wide = {f"{door.name}: {name}" for door in tables.TABLES for name, _ in tables.wide_tables()}
    for number, (name, door, data) in enumerate(tables.files(trap)):
        path = tmp_path / f"{number}.{door.ending}"
        path.write_bytes(data)
        start, used = time.monotonic(), time.process_time()
        try:
            door.open(path)
        except door.errors:
            pass
        except Exception as error:
            wrong.append(f"{name}: {type(error).__name__}: {str(error)[:200]}")
        else:
            wrong.append(f"{name}: accepted")
        if time.monotonic() - start > SECONDS or (name in wide and time.process_time() - used > WIDE_SECONDS):
            wrong.append(f"{name}: slow")
        path.unlink()
    assert not wrong, "\n".join(wrong)
    assert not trap.exists()
    assert _peak() - before < BYTES


def test_every_false_case_set_is_refused(tmp_path: Path) -> None:
    accepted = []
    for name, place in tables.case_sets(tmp_path):
        told = _refusal_of(place)
        if told is None or raster.CANARY in told:
            accepted.append(f"{name}: {told or 'accepted'}")
    assert accepted == []


def _refusal_of(place: Path) -> str | None:
    try:
        tables.open_case_set(place)
    except (CaseSetError, FrameError) as error:
        return str(error)
    return None


def _peak() -> int:
    """Return the most memory this process has held, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
