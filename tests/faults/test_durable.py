"""Files and folders that are written durably are whole or absent, and on the disk before they have their name."""

import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from analysis import durable
from analysis.durable import whole_folder
from readerstudy import durable as durable_of_web

BOTH = pytest.mark.parametrize("package", [durable, durable_of_web], ids=["analysis", "readerstudy"])


@pytest.fixture
def full_disk() -> Iterator[None]:
    """Refuse every byte of a file beyond the first 100, as a full disk does."""
    limits, ignored = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, ignored)


@BOTH
def test_a_full_disk_leaves_the_file_that_was_there(tmp_path: Path, full_disk: None, package: Any) -> None:
    path = tmp_path / "results.json"
    path.write_bytes(b"old")
    with pytest.raises(OSError, match="File too large"):
        package.write_whole(path, bytes(1000))
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_filled_is_not_there(tmp_path: Path, full_disk: None) -> None:
    def fill() -> None:
        with whole_folder(tmp_path / "out") as folder:
            (folder / "first").write_bytes(b"1")
            (folder / "second").write_bytes(bytes(1000))

    with pytest.raises(OSError, match="File too large"):
        fill()
    assert list(tmp_path.iterdir()) == []


@BOTH
def test_content_is_on_the_disk_before_the_name_and_the_name_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: Any
) -> None:
    path, seen, push = tmp_path / "results.json", [], os.fsync

    def watched(handle: int) -> None:
        push(handle)
        seen.append((os.fstat(handle).st_ino, path.exists()))

    monkeypatch.setattr(os, "fsync", watched)
    package.write_whole(path, b"new", mode=0o600)
    assert seen == [(path.stat().st_ino, False), (tmp_path.stat().st_ino, True)]
    assert path.stat().st_mode & 0o777 == 0o600
