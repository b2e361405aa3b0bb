"""The image cache: decoded once, whole or absent."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from analysis.sweep.data import image_cache
from analysis.sweep.data.image_cache import ensure_cache
from analysis.sweep.data.pixels import read_pixels
from analysis.sweep.errors import DataError
from analysis.sweep.spec import PreprocessSpec
from tests.sweep.tiny import write_images

SMALL = PreprocessSpec(size=16)
NAMES = [f"{i}.png" for i in range(11)]


def build(tmp_path, **choices):
    return ensure_cache(tmp_path / "cache", NAMES, [tmp_path / n for n in NAMES], SMALL, **choices)


def test_holds_every_image_in_order_and_is_reused(tmp_path):
    write_images(tmp_path, NAMES)
    seen = []
    cache = build(tmp_path, progress=lambda *said: seen.append(said), workers=2)
    assert cache.decoded == 11
    assert seen == [("decode", i, 11) for i in range(1, 12)]
    for name, row in zip(NAMES, cache.pixels(), strict=True):
        assert (row == read_pixels(tmp_path / name, SMALL).square).all()
    again = build(tmp_path)
    assert again.decoded == 0
    assert (again.digest, again.content) == (cache.digest, cache.content)
    assert cache.file.stat().st_size == 11 * 16 * 16


def test_another_preprocessing_is_another_cache(tmp_path):
    write_images(tmp_path, NAMES)
    files = [tmp_path / n for n in NAMES]
    one = build(tmp_path)
    two = ensure_cache(tmp_path / "cache", NAMES, files, PreprocessSpec(size=16, antialias=True))
    assert one.file != two.file


def test_a_changed_image_is_decoded_again(tmp_path):
    write_images(tmp_path, NAMES)
    one = build(tmp_path)
    write_images(tmp_path, NAMES[:1], seed=9)
    os.utime(tmp_path / NAMES[0], (1, 1))
    two = build(tmp_path)
    assert two.decoded == 11
    assert one.content != two.content


def test_a_flipped_byte_is_found_and_repaired(tmp_path):
    write_images(tmp_path, NAMES)
    cache = build(tmp_path)
    good = cache.file.read_bytes()
    cache.file.write_bytes(bytes([good[0] ^ 1]) + good[1:])
    assert build(tmp_path).decoded == 11
    assert cache.file.read_bytes() == good


def test_an_unreadable_image_leaves_nothing(tmp_path):
    write_images(tmp_path, NAMES)
    (tmp_path / "7.png").write_bytes(b"not an image")
    with pytest.raises(DataError, match=r"image 8 of 11: .*7\.png"):
        build(tmp_path)
    assert [p.suffix for p in (tmp_path / "cache").iterdir()] == [".lock"]
    assert np.all([(tmp_path / n).exists() for n in NAMES])


class Stopped(Exception):
    pass


def stopped_after(count):
    def progress(stage, done, total):
        if done == count:
            raise Stopped

    return progress


def stop(tmp_path, count, **choices):
    with pytest.raises(Stopped):
        build(tmp_path, progress=stopped_after(count), **choices)


def test_a_stopped_build_goes_on(tmp_path, monkeypatch):
    write_images(tmp_path, NAMES)
    stop(tmp_path, 4, workers=2)
    read = []
    monkeypatch.setattr(
        image_cache, "read_pixels", lambda file, spec: read.append(file.name) or read_pixels(file, spec)
    )
    cache = build(tmp_path, workers=1)
    assert cache.decoded == 7
    assert read == NAMES[4:]  # each image once over both builds
    other = ensure_cache(tmp_path / "other", NAMES, [tmp_path / n for n in NAMES], SMALL)
    assert (cache.digest, cache.content) == (other.digest, other.content)
    assert sorted(p.suffix for p in (tmp_path / "cache").iterdir()) == [".json", ".lock", ".u8"]


@pytest.mark.parametrize("damage", ["pixels", "torn line", "no journal", "no pixels", "nonsense"])
def test_what_a_crash_left_is_believed_only_when_verified(tmp_path, damage):
    write_images(tmp_path, NAMES)
    stop(tmp_path, 4)
    part, journal = (next((tmp_path / "cache").glob(f"*.{ending}")) for ending in ("part", "rows"))
    if damage == "pixels":
        content = part.read_bytes()
        part.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    elif damage == "torn line":
        journal.write_text(journal.read_text()[:-20])
    elif damage == "no journal":
        journal.unlink()
    elif damage == "no pixels":
        part.unlink()
    else:
        journal.write_text("99 a 0 b\nx\n" + journal.read_text())
    again = {"pixels": 8, "torn line": 8, "no journal": 11, "no pixels": 11, "nonsense": 7}[damage]
    cache = build(tmp_path)
    assert cache.decoded == again
    for name, row in zip(NAMES, cache.pixels(), strict=True):
        assert (row == read_pixels(tmp_path / name, SMALL).square).all()


KILLED = """
import os, signal, sys
from pathlib import Path
from analysis.sweep.data.image_cache import ensure_cache
from analysis.sweep.spec import PreprocessSpec
folder, names = Path(sys.argv[1]), sys.argv[2:]
def progress(stage, done, total):
    if done == 5:
        os.kill(os.getpid(), signal.SIGKILL)
ensure_cache(folder / "cache", names, [folder / n for n in names], PreprocessSpec(size=16), progress)
"""


def test_a_killed_build_goes_on(tmp_path):
    write_images(tmp_path, NAMES)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), *NAMES], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert build(tmp_path).decoded == 6
