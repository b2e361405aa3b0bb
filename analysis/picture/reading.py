"""Read an image file, its format recognised by content and never by name; PNG (8, 16 bit) and JPEG are read here.

Pillow is the only codec library on a host that sweeps without DICOM.
"""

import io
from importlib import import_module

import numpy as np
from PIL import Image, ImageOps

from analysis.picture.neutral import CHUNK, read_neutral
from analysis.picture.presentation import Format, Presentation
from analysis.picture.refusals import ImageRefusedError, Reason, check_size
from analysis.picture.stored import grey_if_equal

# Pillow loads these when it first needs them; a confined child has lost the right to open files by then.
for _kind in ("Png", "Jpeg", "Jpeg2K", "Mpo", "Tiff"):
    import_module(f"PIL.{_kind}ImagePlugin")
Image.preinit()

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
DEEP = (12, 14, 16)
"""Depths that a 16-bit PNG may be taken for."""
_ORIENTATION = 0x0112


def read_raster(data: bytes, source: Format) -> Presentation:
    """Read a PNG or JPEG file.

    An EXIF orientation is applied, so that left stays left. Three equal channels are grey. A 16-bit PNG says
    nothing of the detector's depth: it is taken for the smallest of 12, 14 and 16 bits that holds all its values.
    A PNG of the handover is read as the picture that it was written from (`neutral`).

    Raises
    ------
    ImageRefusedError: too many pixels, truncated, corrupt, several frames, transparency, 16-bit colour,
        the colours of print (CMYK), wrong fields in a PNG of the handover.
    """
    # 16-bit PNG with colour or transparency: Pillow would silently cut it to 8 bit.
    if data.startswith(PNG_SIGNATURE) and data[24:25] == b"\x10" and data[25:26] != b"\x00":
        raise ImageRefusedError(Reason.DEPTH)
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as image:
            return _presented(image, source)
    except (ImageRefusedError, MemoryError):
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise ImageRefusedError(Reason.TOO_MANY_PIXELS) from error
    except Exception as error:
        # Pillow tells the two apart in words only.
        cut = isinstance(error, OSError) and "truncated" in str(error)
        raise ImageRefusedError(Reason.TRUNCATED if cut else Reason.CORRUPT) from error


def _presented(image: Image.Image, source: Format) -> Presentation:
    check_size(image.height, image.width)
    if getattr(image, "n_frames", 1) > 1:
        raise ImageRefusedError(Reason.MULTI_FRAME)
    said = [each[1] for each in getattr(image, "private_chunks", ()) if each[0] == CHUNK]
    image.load()
    if said:
        return read_neutral(image, b"".join(said))
    notes = []
    try:
        turned = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # Pillow raises whatever its parser stumbles over
        turned = 1
        notes.append("The EXIF data cannot be read, so no orientation is applied.")
    if turned in range(2, 9):
        notes.append(f"The EXIF orientation {turned} is applied.")
        image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.uint16, copy=False)
        highest = int(values.max())
        bits = next(depth for depth in DEEP if highest >> depth == 0)
        if bits < 16:
            notes.append(f"A 16-bit PNG without a value above {2**bits - 1} is taken for {bits} bit.")
        return Presentation(values, bits, source, decisions=tuple(notes))
    stored = grey_if_equal(_eight_bit(image), notes)
    profile = (image.info.get("icc_profile") or b"") if stored.ndim == 3 else b""
    return Presentation(stored, 8, source, ready=True, decisions=tuple(notes), profile=profile)


def _eight_bit(image: Image.Image) -> np.ndarray:
    """Return rows x columns, or rows x columns x 3 where the file has channels of colour."""
    if image.mode in ("L", "1"):
        return np.asarray(image if image.mode == "L" else image.convert("L"))
    if image.mode == "LA":
        return _opaque(np.asarray(image))[..., 0]
    if image.mode == "RGB" and "transparency" not in image.info:
        return np.asarray(image)
    if image.mode not in ("P", "PA", "RGB", "RGBA", "YCbCr"):
        raise ImageRefusedError(Reason.COLOUR_SPACE)
    # By way of RGBA, so that transparency of a palette or a key colour is seen too.
    return _opaque(np.asarray(image.convert("RGBA")))[..., :3]


def _opaque(channels: np.ndarray) -> np.ndarray:
    if (channels[..., -1] != 255).any():
        raise ImageRefusedError(Reason.TRANSPARENT)
    return channels


JPEG_SIGNATURE = b"\xff\xd8\xff"


START_BYTES = 132
"""How many bytes from the start tell the format."""


_FOREIGN = (
    PNG_SIGNATURE, JPEG_SIGNATURE, b"PK", b"%PDF", b"\x1f\x8b", b"GIF8", b"MZ", b"\x7fELF", b"#!", b"<",
)  # fmt: skip
"""What a DICOM preamble must not begin with. (TIFF, which DICOM allows there for slides, is accepted.)"""


def picture_format(start: bytes) -> Format:
    """Tell the format by the first `START_BYTES` bytes.

    Raises
    ------
    ImageRefusedError: empty, another format, or two at once.
    """
    if not start:
        raise ImageRefusedError(Reason.EMPTY)
    if start[128:132] == b"DICM":
        if start.startswith(_FOREIGN):
            raise ImageRefusedError(Reason.TWO_FORMATS)
        return "DICOM"
    if start.startswith(PNG_SIGNATURE):
        return "PNG"
    if start.startswith(JPEG_SIGNATURE):
        return "JPEG"
    raise ImageRefusedError(Reason.UNKNOWN_FORMAT)


def read_picture(data: bytes) -> Presentation:
    """Read one image file.

    Parameters
    ----------
    data: the whole file.

    Raises
    ------
    ImageRefusedError: it cannot be read as one picture; no text of the file is part of the error.
    """
    source = picture_format(data[:START_BYTES])
    if source != "DICOM":
        return read_raster(data, source)
    try:
        from analysis.picture.dicom import read_dicom
    except ImportError as error:  # a host that sweeps PNG and JPEG needs neither library
        raise ImageRefusedError(Reason.NO_DECODER) from error
    return read_dicom(data)
