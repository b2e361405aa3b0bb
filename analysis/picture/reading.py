"""The way in: which format the bytes are, told by content and never by a name."""

from analysis.picture.presentation import Format, Presentation
from analysis.picture.raster import PNG_SIGNATURE, read_raster
from analysis.picture.refusals import ImageRefusedError, Reason

JPEG_SIGNATURE = b"\xff\xd8\xff"
START_BYTES = 132
"""So many bytes from the start tell the format."""
_FOREIGN = (
    PNG_SIGNATURE, JPEG_SIGNATURE, b"PK", b"%PDF", b"\x1f\x8b", b"GIF8", b"MZ", b"\x7fELF", b"#!", b"<",
)  # fmt: skip
"""What a DICOM preamble must not begin with. (TIFF, which DICOM allows there for slides, may stand.)"""


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
