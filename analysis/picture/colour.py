"""Colour as given to networks and readers: red, green and blue of sRGB, 8 bit each."""

import io
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from analysis.picture.presentation import Presentation
from analysis.picture.refusals import ImageRefusedError, Reason, refused_as


def srgb(presentation: Presentation) -> NDArray[np.uint8]:
    """Return the colours of a picture that has some; without an ICC profile they are sRGB already.

    Returns
    -------
    uint8, rows x columns x 3.

    Raises
    ------
    ImageRefusedError: the profile is damaged, or not one of red, green and blue.
    """
    colours = presentation.stored.astype(np.uint8, copy=False)
    if not presentation.profile:
        return colours
    with refused_as(Reason.COLOUR_SPACE):
        given = ImageCms.ImageCmsProfile(io.BytesIO(presentation.profile))
        wanted = ImageCms.createProfile("sRGB")
        return np.asarray(ImageCms.profileToProfile(Image.fromarray(colours), given, wanted))


def write_colour(presentation: Presentation) -> bytes:
    """Write a picture as a PNG of red, green and blue and nothing else.

    Raises
    ------
    ImageRefusedError: as `srgb`; a grey picture that a window must first make grey levels of.
    """
    if not (presentation.coloured or presentation.ready):
        raise ImageRefusedError(Reason.GREY)
    shown = srgb(presentation) if presentation.coloured else presentation.stored.astype(np.uint8, copy=False)
    buffer = io.BytesIO()
    Image.fromarray(in_planes(shown)).save(buffer, "PNG", compress_type=zlib.Z_RLE)
    return buffer.getvalue()


def in_planes(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return rows x columns x 3 of a picture with or without colour."""
    return picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
