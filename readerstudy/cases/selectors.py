"""Read cases and frames, and answer with a frame that is masked again each time.

An image shown again has different bytes of the same length. The bytes pass through this process, never from a file or a
store to a browser: a proxy that sends a file sends the same bytes for the same image, and so reveals which cases are
hidden repeats. Nothing else of the file shows (name, time of change, ETag). What stays the same is in docs/blinding.md:
the pixels, once decoded.
"""

import io
import secrets
from collections.abc import Collection
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from PIL import Image

from readerstudy.accounts.access import or_404, signed_in
from readerstudy.cases.frame import COLOUR, MASK_BYTES, decode_curve, decode_frame, mask_frame, straight
from readerstudy.cases.models import Case, Frame
from readerstudy.cases.storage import checked, frame_objects, read_frame, study_folder
from readerstudy.cases.terms import waiting_terms

THUMBNAIL = 192
"""Pixels of the longer side of a small picture."""


def cases_of(study: UUID) -> QuerySet[Case]:
    """Return the cases of a study with their frames, sorted by key."""
    return Case.objects.filter(study=study).prefetch_related("frames")


def roles_of(study: UUID) -> list[str]:
    """Return the roles of the images of each case of a study in their order; empty where no cases are loaded."""
    first = Case.objects.filter(study=study).first()
    return [] if first is None else [frame.role for frame in first.images]


def images_json(case: Case, name: str, url: str) -> dict[str, Any]:
    """Return what a viewer fetches of a case: its first image, and the others in `also`; always the same keys."""
    first, *others = (
        {
            "id": f"{name} {frame.role}".rstrip(), "role": frame.role, "frame": frame_json(frame),
            "frame_url": f"{url}?image={frame.position}" if frame.position else url,
        }
        for frame in case.images
    )  # fmt: skip
    return {**first, "id": name, "also": others}


def frame_json(frame: Frame) -> dict[str, Any]:
    """Return what a viewer must know of a frame; always the same keys.

    format: of the frame file; from 2 on it holds the tone curve that is shown at first, 3 is in colour. rows,
    columns: pixels. bits: 8 to 16, values run from 0 to 2**bits - 1. window: [low, high] in grey values. spacing:
    [row, column] in mm, or None.
    """
    known = frame.spacing_row is not None
    return {
        "format": frame.format,
        "rows": frame.rows,
        "columns": frame.columns,
        "bits": frame.bits,
        "window": [frame.window_low, frame.window_high],
        "spacing": [frame.spacing_row, frame.spacing_column] if known else None,
    }


def share_pixels(one: Collection[UUID], other: Collection[UUID]) -> bool:
    """Say whether case sets have, or may have, an image in common, whatever sweep or list they came from.

    Frames that an earlier version stored have no digest of their pixels: those of one size may be the same.
    """
    own, others = _pixels(one), _pixels(other)
    alike = {digest for digest, _ in own} & {digest for digest, _ in others} - {""}
    sizes = {size for digest, size in own if not digest} & {size for _, size in others}
    sizes |= {size for digest, size in others if not digest} & {size for _, size in own}
    return bool(alike or sizes)


def _pixels(keys: Collection[UUID]) -> set[tuple[str, tuple[int, int]]]:
    found = Frame.objects.filter(study__in=keys).values_list("pixels_sha256", "rows", "columns")
    return {(digest, (rows, columns)) for digest, rows, columns in found}


def frame_bytes(case: Case, frames_root: Path | None = None, position: int = 0) -> bytes:
    """Return the frame file of an image of a case after checking its digest.

    Raises
    ------
    StorageError: the file is gone or damaged.
    """
    frame = case.images[position]
    return stored_bytes(case.study, frame.storage_name, frame.sha256, frames_root)


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


def frame_response(case: Case, request: HttpRequest) -> HttpResponse:
    """Return the answer that brings a person the frame that a request asks for: the first, or `?image=1` and so on.

    Raises
    ------
    Http404: the case has no such image.
    PermissionDenied: the terms of the case set wait for the person's confirmation.
    StorageError: the frame is gone or damaged.
    """
    return masked_response(_confirmed_bytes(case, request)[0])


def thumbnail_response(case: Case, request: HttpRequest) -> HttpResponse:
    """Return the answer that brings a person a small picture of an image as it is shown at first, a PNG.

    Raises
    ------
    Http404, PermissionDenied, StorageError: as of `frame_response`.
    """
    data, frame = _confirmed_bytes(case, request)
    channels = 3 if frame.format == COLOUR else 1
    pixels = decode_frame(data, frame.rows, frame.columns, frame.bits, channels)
    curve = (
        decode_curve(data, frame.bits)
        if frame.format > 1
        else straight(frame.bits, frame.window_low, frame.window_high)
    )
    picture = Image.fromarray(curve[pixels])
    picture.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return _unkept(buffer.getvalue(), "image/png")


def _confirmed_bytes(case: Case, request: HttpRequest) -> tuple[bytes, Frame]:
    """Return the frame file that a request asks for, and its row, to somebody who has confirmed the terms of the set.

    Every image that the site shows of a case goes through here, so that nobody sees one before that.
    """
    asked = request.GET.get("image", "0")
    found = or_404(next((each for each in case.images if str(each.position) == asked), None))
    if waiting_terms(signed_in(request), [case.study]):
        raise PermissionDenied("confirm the terms of use before the first image")
    return frame_bytes(case, position=found.position), found


def masked_response(frame: bytes) -> HttpResponse:
    """Return the answer that brings a frame file to the viewer; it is stored by nobody on its way."""
    return _unkept(mask_frame(frame, secrets.token_bytes(MASK_BYTES)), "application/octet-stream")


def _unkept(data: bytes, kind: str) -> HttpResponse:
    return HttpResponse(data, content_type=kind, headers={"Cache-Control": "private, no-store"})
