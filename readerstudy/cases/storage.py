"""Frame files: staged under hidden names, padded to one length, published together or not at all.

Layout on disk: frames_root/<study uuid>/<storage name>. Folders are 0700, files 0600; names are random. An
S3-compatible store holds them under the same names.
"""

import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import UUID

from django.core.files import File
from django.core.files.storage import InvalidStorageError, Storage, storages

from readerstudy.cases.frame import pad_frame
from readerstudy.durable import sync, write_whole
from readerstudy.refusals import RefusedError

_STAGING = ".staging-"
ALIAS = "frames"


def study_folder(frames_root: Path, study: UUID) -> Path:
    """Return the folder of a study's frames."""
    return frames_root / str(study)


class Staging:
    """A hidden folder in which the frames of one load gather until all are there."""

    def __init__(self, folder: Path, study: UUID, objects: "FrameObjects | None" = None) -> None:
        """Take an existing, empty folder; with `objects` frames are published there."""
        self._folder, self._study, self._objects = folder, study, objects
        self._published: list[Path] = []

    def add(self, frame: bytes) -> str:
        """Keep an unpadded frame; return its new random storage name."""
        name = secrets.token_hex(16)
        (self._folder / name).write_bytes(frame)
        return name

    def read(self, name: str) -> bytes:
        """Return an unpadded frame that was added."""
        return (self._folder / name).read_bytes()

    def exchange(self, name: str, frame: bytes) -> None:
        """Put another unpadded frame in the place of one that was added."""
        if not (self._folder / name).is_file():
            raise StorageError(f"expected a frame that was added, {name} was not")
        (self._folder / name).write_bytes(frame)

    def pad(self) -> tuple[int, dict[str, str]]:
        """Bring all frames to the length of the longest; return that, in bytes, and SHA-256 by storage name."""
        files = sorted(self._folder.iterdir())
        length = max((path.stat().st_size for path in files), default=0)
        digests = {}
        for path in files:
            data = pad_frame(path.read_bytes(), length)
            # A time of change would order the cases as they were loaded.
            write_whole(path, data, mode=0o600, changed=0)
            digests[path.name] = hashlib.sha256(data).hexdigest()
        return length, digests

    def publish(self) -> None:
        """Rename every frame to its place, or upload it."""
        if self._objects is not None:
            self._published = sorted(self._folder.iterdir())
            self._objects.publish(self._study, self._published)
            return
        for path in sorted(self._folder.iterdir()):
            target = self._folder.parent / path.name
            path.rename(target)
            self._published.append(target)
        sync(self._folder.parent)

    def take_back(self) -> None:
        """Remove what was published: the rows did not come about."""
        if self._objects is not None:
            self._objects.remove(self._study, [path.name for path in self._published])
            return
        for path in self._published:
            path.unlink(missing_ok=True)
        self._published.clear()


def remove_frames(frames_root: Path, study: UUID, names: Iterable[str]) -> None:
    """Remove stored frames that no row names any more."""
    objects = frame_objects()
    if objects is not None:
        objects.remove(study, names)
    for name in names if objects is None else ():
        (study_folder(frames_root, study) / name).unlink(missing_ok=True)


@contextmanager
def staging(
    frames_root: Path,
    study: UUID,
    known: Collection[str] = (),
    objects: "FrameObjects | None" = None,
) -> Iterator[Staging]:
    """Open a staging folder for one study; on an error leave no file behind.

    One load at a time may run for a study. Files of a load that was killed (names not in `known`, the storage
    names that have rows) are removed first.

    Raises
    ------
    StorageError: another load for the same study is running.
    """
    folder = study_folder(frames_root, study)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _only_one(folder):
        for path in folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name not in known:
                path.unlink()
        if objects is not None:
            objects.remove(study, set(objects.names(study)) - set(known))  # what a killed load uploaded
        hidden = folder / f"{_STAGING}{secrets.token_hex(8)}"
        hidden.mkdir(mode=0o700)
        stage = Staging(hidden, study, objects)
        try:
            yield stage
        except BaseException:
            stage.take_back()
            raise
        finally:
            shutil.rmtree(hidden, ignore_errors=True)
            with suppress(OSError):
                folder.rmdir()  # only if it is still empty


def read_frame(path: Path, sha256: str) -> bytes:
    """Read a frame file and check its digest.

    Raises
    ------
    StorageError: no such file, or not the one that was written.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StorageError(
            f"frame {path.name}: expected a readable file; restore it from a backup"
        ) from error
    return checked(data, path.name, sha256)


def checked(data: bytes, name: str, sha256: str) -> bytes:
    """Return the bytes of a frame that agree with their digest.

    Raises
    ------
    StorageError: they do not.
    """
    if hashlib.sha256(data).hexdigest() != sha256:
        raise StorageError(f"frame {name}: the file differs from its digest; restore it from a backup")
    return data


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Lock the folder itself, so that no lock file is left."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StorageError(
                "another load of cases for this study is running; wait until it has finished"
            ) from error
        yield
    finally:
        os.close(descriptor)


class StorageError(RefusedError):
    """Frame files cannot be written, or what was stored has changed."""


def frame_objects() -> "FrameObjects | None":
    """Return the store that FRAMES_URL names; None when frames are files of the site's folder."""
    try:
        return FrameObjects(storages[ALIAS])
    except InvalidStorageError:
        return None


class FrameObjects:
    """Reads, writes and removes the frames of a study in one bucket."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage

    def publish(self, study: UUID, files: Iterable[Path]) -> None:
        """Upload staged files; the rows that name them come after, so a torn upload is never served."""
        for path in files:
            with path.open("rb") as stream:
                self.storage.save(_key(study, path.name), File(stream))

    def read(self, study: UUID, name: str) -> bytes:
        """Return a frame's bytes.

        Raises
        ------
        StorageError: no such object, or no answer.
        """
        try:
            with self.storage.open(_key(study, name)) as stream:
                content: bytes = stream.read()
        except Exception as error:  # the client library's own errors name buckets and keys
            raise StorageError(
                f"frame {name}: expected a readable object; restore it from a backup"
            ) from error
        return content

    def remove(self, study: UUID, names: Iterable[str]) -> None:
        """Delete frames; an absent one is no error."""
        for name in names:
            self.storage.delete(_key(study, name))

    def names(self, study: UUID) -> list[str]:
        """List the frames that are stored for a study."""
        return list(self.storage.listdir(str(study))[1])


def _key(study: UUID, name: str) -> str:
    return f"{study}/{name}"
