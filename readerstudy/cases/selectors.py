"""Read cases and frames."""

from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from readerstudy.cases.models import Case
from readerstudy.cases.objects import frame_objects
from readerstudy.cases.storage import checked, read_frame, study_folder


def cases_of(study: UUID) -> QuerySet[Case]:
    """Return the cases of a study with their frames, sorted by key."""
    return Case.objects.filter(study=study).select_related("frame")


def frame_json(case: Case) -> dict[str, Any]:
    """Return what a viewer must know of a frame; always the same keys.

    format: of the frame file; from 2 on it holds the tone curve that is shown at first. rows, columns: pixels.
    bits: 8 to 16, values run from 0 to 2**bits - 1. window: [low, high] in grey values. spacing: [row, column] in
    mm, or None.
    """
    frame = case.frame
    known = frame.spacing_row is not None
    return {
        "format": frame.format,
        "rows": frame.rows,
        "columns": frame.columns,
        "bits": frame.bits,
        "window": [frame.window_low, frame.window_high],
        "spacing": [frame.spacing_row, frame.spacing_column] if known else None,
    }


def frame_path(case: Case, frames_root: Path | None = None) -> Path:
    """Return where the frame file of a case lies, by default under settings.FRAMES_ROOT."""
    return study_folder(frames_root or settings.FRAMES_ROOT, case.study) / case.frame.storage_name


def frame_bytes(case: Case, frames_root: Path | None = None) -> bytes:
    """Return the frame file of a case after checking its digest.

    Raises
    ------
    StorageError: the file is gone or damaged.
    """
    return stored_bytes(case.study, case.frame.storage_name, case.frame.sha256, frames_root)


def stored_bytes(study: UUID, name: str, sha256: str, frames_root: Path | None = None) -> bytes:
    """Return a stored frame by its name, from its folder or its store, after checking its digest.

    Raises
    ------
    StorageError: it is gone or damaged.
    """
    objects = frame_objects() if frames_root is None else None
    if objects is not None:
        return checked(objects.read(study, name), name, sha256)
    return read_frame(study_folder(frames_root or settings.FRAMES_ROOT, study) / name, sha256)
