"""PNG (8 and 16 bit) and JPEG to grey values."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import numpy as np
from PIL import (
    Image,
    ImageOps,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
)

from readerstudy.cases.greys import MAX_PIXELS, PNG_SIGNATURE, Greys, check_size
from readerstudy.cases.refusals import ImageRefusedError, Reason

# Pillow loads these when it first needs them; the child has lost the right to open files by then.
_NEEDED = (PngImagePlugin, JpegImagePlugin, Jpeg2KImagePlugin, MpoImagePlugin, TiffImagePlugin)
Image.preinit()

_COLOUR_MODES = ("P", "PA", "RGB", "RGBA", "YCbCr")


def read_raster(file: BinaryIO) -> Greys:
    """Read a PNG or JPEG file; a colour image is taken only where red = green = blue in every pixel.

    The depth is that of the file: 16 for 16-bit grey PNG, else 8. An 8-bit file is display-ready and states
    its full range as the window; a 16-bit one states none. An EXIF orientation is applied, so that left stays
    left.

    Raises
    ------
    ImageRefusedError: too many pixels, truncated, corrupt, several frames, colours, transparency, 16-bit
    colour.
    """
    _refuse_deep_colour(file)
    try:
        with _strict(), Image.open(file, formats=("PNG", "JPEG")) as image:
            return _greys(image)
    except (ImageRefusedError, MemoryError):
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise ImageRefusedError(Reason.TOO_MANY_PIXELS) from error
    except Exception as error:
        # Pillow tells the two apart in words only.
        cut = isinstance(error, OSError) and "truncated" in str(error)
        raise ImageRefusedError(Reason.TRUNCATED if cut else Reason.CORRUPT) from error


@contextmanager
def _strict() -> Iterator[None]:
    """Make a decompression bomb an error, at our size."""
    most = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = most


def _greys(image: Image.Image) -> Greys:
    check_size(image.height, image.width)
    if getattr(image, "n_frames", 1) > 1:
        raise ImageRefusedError(Reason.MULTI_FRAME)
    if image.mode.startswith("I;16"):
        return Greys(_array(image).astype(np.uint16), 16, None, None)
    return Greys(_eight_bit(image), 8, (0, 255), None)


def _eight_bit(image: Image.Image) -> np.ndarray:
    if image.mode in ("L", "1"):
        return _array(image.convert("L"))
    if image.mode == "LA":
        return _opaque(_array(image))[..., 0]
    if image.mode not in _COLOUR_MODES:
        raise ImageRefusedError(Reason.COLOUR)
    # By way of RGBA, so that transparency of a palette or a key colour is seen too.
    channels = _opaque(_array(image.convert("RGBA")))
    red = channels[..., 0]
    if (red != channels[..., 1]).any() or (red != channels[..., 2]).any():
        raise ImageRefusedError(Reason.COLOUR)
    return np.ascontiguousarray(red)


def _array(image: Image.Image) -> np.ndarray:
    return np.asarray(ImageOps.exif_transpose(image))


def _opaque(channels: np.ndarray) -> np.ndarray:
    if (channels[..., -1] != 255).any():
        raise ImageRefusedError(Reason.TRANSPARENT)
    return channels


def _refuse_deep_colour(file: BinaryIO) -> None:
    """Refuse 16-bit PNG with colours or transparency: Pillow would cut it to 8 bit without a word."""
    start = file.read(26)
    file.seek(0)
    if start.startswith(PNG_SIGNATURE) and start[24:25] == b"\x10" and start[25:26] != b"\x00":
        raise ImageRefusedError(Reason.DEPTH)
