"""Answer with a frame: from this process, or by the proxy in front of it.

The name under which a frame is stored is the same for all readers, so it reaches no browser: the proxy takes
`X-Accel-Redirect` out of the answer. Nothing of the file may show either (time of change, ETag): see
deploy/nginx.conf, tests/servers/test_nginx.py and docs/production.md.
"""

from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse

from readerstudy.accounts.models import User
from readerstudy.cases.models import Case
from readerstudy.cases.objects import frame_objects
from readerstudy.cases.selectors import frame_bytes
from readerstudy.cases.terms import waiting_terms

CONTENT_TYPE = "application/octet-stream"


def frame_response(case: Case, person: User) -> HttpResponse:
    """Return the answer that brings a person a case's frame; it is stored by nobody on its way.

    Every image that the site shows of a case goes through here, so that nobody sees one before they have
    confirmed the terms of its case set.

    Raises
    ------
    PermissionDenied: the terms of the case set wait for the person's confirmation.
    StorageError: the frame is gone or damaged. Behind a proxy that delivers, the proxy answers 404 instead,
    and a flipped byte is found in the browser by the checksum of the gzip member.
    """
    if waiting_terms(person, [case.study]):
        raise PermissionDenied("the terms of use come before the first image")
    place = settings.FRAMES_ACCEL
    response = HttpResponse(b"" if place else frame_bytes(case), content_type=CONTENT_TYPE)
    if place:
        response["X-Accel-Redirect"] = place.rstrip("/") + _inside(case)
    response["Cache-Control"] = "private, no-store"
    return response


def _inside(case: Case) -> str:
    """Return the path below the proxy's internal place: of the file, or the signed path of the object."""
    objects = frame_objects()
    if objects is None:
        return f"/{case.study}/{case.frame.storage_name}"
    signed = urlsplit(objects.signed(case.study, case.frame.storage_name))
    return f"{signed.path}?{signed.query}"
