"""Answer with a frame, masked again each time: an image that is shown again is other bytes, at the same length.

The bytes pass through this process, never from a file or a store to a browser: a proxy that sends a file sends the
same bytes for the same image, and with them tells which cases are hidden repeats. Nothing else of the file shows
(name, time of change, ETag). What stays the same is told in docs/blinding.md: the pixels, once they are decoded.
"""

import secrets

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse

from readerstudy.accounts.models import User
from readerstudy.cases.frame import MASK_BYTES, mask_frame
from readerstudy.cases.models import Case
from readerstudy.cases.selectors import frame_bytes
from readerstudy.cases.terms import waiting_terms


def frame_response(case: Case, person: User) -> HttpResponse:
    """Return the answer that brings a person a case's frame.

    Every image that the site shows of a case goes through here, so that nobody sees one before they have
    confirmed the terms of its case set.

    Raises
    ------
    PermissionDenied: the terms of the case set wait for the person's confirmation.
    StorageError: the frame is gone or damaged.
    """
    if waiting_terms(person, [case.study]):
        raise PermissionDenied("confirm the terms of use before the first image")
    return masked_response(frame_bytes(case))


def masked_response(frame: bytes) -> HttpResponse:
    """Return the answer that brings a frame file to the viewer; it is stored by nobody on its way."""
    response = HttpResponse(
        mask_frame(frame, secrets.token_bytes(MASK_BYTES)), content_type="application/octet-stream"
    )
    response["Cache-Control"] = "private, no-store"
    return response
