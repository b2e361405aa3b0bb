"""Frames in an S3-compatible store: <study uuid>/<storage name>, the same names as on disk."""

from collections.abc import Collection, Iterable
from pathlib import Path
from uuid import UUID

from django.core.files import File
from django.core.files.storage import InvalidStorageError, Storage, storages

from readerstudy.cases.errors import StorageError

ALIAS = "frames"


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

    def remove_leftovers(self, study: UUID, known: Collection[str]) -> None:
        """Delete what a killed load uploaded: names without a row."""
        self.remove(study, set(self.names(study)) - set(known))


def _key(study: UUID, name: str) -> str:
    return f"{study}/{name}"
