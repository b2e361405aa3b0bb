"""Files and folders of `analysis.durable` are whole or absent, and on the disk before they have their name."""

import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from analysis.durable import whole_folder, write_whole


@pytest.fixture
def full_disk() -> Iterator[None]:
    """Refuse every byte of a file beyond the first 100, as a full disk does."""
    limits, ignored = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, ignored)


def test_a_full_disk_leaves_the_file_that_was_there(tmp_path: Path, full_disk: None) -> None:
    path = tmp_path / "results.json"
    path.write_bytes(b"old")
    with pytest.raises(OSError, match="File too large"):
        write_whole(path, bytes(1000))
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


def test_content_is_on_the_disk_before_the_name_and_the_name_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, seen, push = tmp_path / "results.json", [], os.fsync

    def watched(handle: int) -> None:
        push(handle)
        seen.append((os.fstat(handle).st_ino, path.exists()))

    monkeypatch.setattr(os, "fsync", watched)
    write_whole(path, b"new", mode=0o600)
    assert seen == [(path.stat().st_ino, False), (tmp_path.stat().st_ino, True)]
    assert path.stat().st_mode & 0o777 == 0o600
