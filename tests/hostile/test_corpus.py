"""Every hostile file is refused by a named error, in bounded time and memory, and does nothing."""

import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.caseset import CaseSetError
from analysis.caseset.sources import reencode
from analysis.columns import FrameError
from analysis.picture.refusals import ImageRefusedError
from analysis.sweep.data.pixels import read_pixels
from analysis.sweep.errors import DataError
from analysis.sweep.spec import PreprocessSpec
from readerstudy.cases.confined import decode_confined
from readerstudy.cases.window import WindowRule
from tests.hostile import dicoms, folders, neutral, raster, tables, uploads

pytestmark = pytest.mark.drill

SECONDS, BYTES = 30, 1_500_000_000
WIDE_SECONDS = 2
"""Of this process: a table's width is refused before it is parsed."""

IMAGES = [*raster.files(), *dicoms.files(), *neutral.files()]


def test_the_corpus_is_large(tmp_path: Path) -> None:
    names = [name for name, _ in IMAGES] + [name for name, _, _ in tables.files(tmp_path)]
    names += [name for name, _ in tables.case_sets(tmp_path)]
    names += [f"protocol: {name}" for name, _ in uploads.protocols()]
    names += [f"heads: {name}" for name, _ in folders.heads()]
    names += [f"run: {name}" for name in folders.RUNS | folders.NAMES | folders.INSIDE]
    names += [f"backup: {name}" for name in folders.BACKUPS]
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


def _pixels(path: Path) -> bytes:
    return read_pixels(path, PreprocessSpec(size=32)).square.tobytes()


def _rewritten(path: Path) -> bytes:
    return reencode(path).data


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("reader", "error"), [(_pixels, DataError), (_rewritten, CaseSetError)])
def test_no_image_harms_a_sweep_or_the_writer_of_case_sets(
    reader: Callable[[Path], bytes], error: type[Exception], tmp_path: Path
) -> None:
    """Both read images of the data set's owner in this process, and take more kinds than the reading room does."""

    def end(*_: object) -> None:
        raise HungError

    path, before, wrong, refused = tmp_path / "image", _peak(), [], 0
    usual = signal.signal(signal.SIGALRM, end)
    try:
        for name, data in IMAGES:
            path.write_bytes(data)
            signal.alarm(SECONDS)
            try:
                came = reader(path)
            except error:
                refused += 1
            except HungError:
                wrong.append(f"{name}: longer than {SECONDS} s")
            except Exception as other:
                wrong.append(f"{name}: {type(other).__name__}: {str(other)[:200]}")
            else:
                if raster.CANARY.encode() in came or came.startswith(
                    (b"MZ", b"\x7fELF", b"<html", b"PK", b"%PDF")
                ):
                    wrong.append(f"{name}: what must not go on goes on")
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, usual)
    assert not wrong, "\n".join(wrong)
    assert refused > len(IMAGES) / 2
    assert _peak() - before < BYTES


class HungError(BaseException):
    """An input took longer than it may; no handler of the product takes this for an error of the file."""


def test_every_other_file_is_refused(tmp_path: Path) -> None:
    """In this process, as the commands do; what code in a file would make is not made."""
    trap, before = tmp_path / "made by code in a file", _peak()
    wrong = []
    wide = {f"{reader.name}: {name}" for reader in tables.TABLES for name, _ in tables.wide_tables()}
    for number, (name, reader, data) in enumerate(tables.files(trap)):
        path = tmp_path / f"{number}.{reader.ending}"
        path.write_bytes(data)
        start, used = time.monotonic(), time.process_time()
        try:
            reader.open(path)
        except reader.errors:
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
