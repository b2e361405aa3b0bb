"""The page that measures a workstation: any room can be checked with the reading viewer, on synthetic images."""

import functools
import json

import numpy as np
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from readerstudy.cases.frame import FORMAT, encode_frame, straight
from readerstudy.cases.models import Frame
from readerstudy.cases.selectors import frame_json, masked_response

ROWS, COLUMNS, BITS = 2500, 2048, 12
IMAGES = 4
"""A first one, and three that follow: one is shown while the next is fetched."""


@login_required
@require_GET
def workstation(request: HttpRequest) -> HttpResponse:
    """Show the page; its script measures when it is told to."""
    sources = [
        {
            "id": f"synthetic-{number}",
            "frame_url": reverse("ops:workstation-image", kwargs={"number": number}),
            "frame": frame_json(
                Frame(format=FORMAT, rows=ROWS, columns=COLUMNS, bits=BITS, window_low=400, window_high=3400)
            ),
        }
        for number in range(IMAGES)
    ]
    return render(request, "ops/workstation.html", {"sources": json.dumps(sources)})


@login_required
@require_GET
def image(request: HttpRequest, number: int) -> HttpResponse:
    """Deliver one synthetic image as a frame file, as the reading room would."""
    if number >= IMAGES:
        raise Http404
    return masked_response(_frame(number))


@functools.lru_cache(maxsize=IMAGES)
def _frame(number: int) -> bytes:
    return encode_frame(synthetic(number), BITS, straight(BITS, 400, 3400))


def synthetic(seed: int) -> np.ndarray:
    """Draw a smooth image with noise in its lowest bits, as compressible as a radiograph; rows x columns, 12 bit."""
    y, x = np.mgrid[0:ROWS, 0:COLUMNS] / max(ROWS, COLUMNS)
    smooth = 1800 + 1200 * np.sin(3 * x + seed) * np.cos(4 * y)
    noisy = smooth + np.random.default_rng(seed).normal(0, 12, smooth.shape)
    values: np.ndarray = noisy.clip(0, 2**BITS - 1).astype(np.uint16)
    return values
