"""Read an image of any of the three formats and give back a file with nothing but its pixels."""

from pathlib import Path

from analysis.caseset.dicom import clean_dicom
from analysis.caseset.errors import CaseSetError
from analysis.caseset.jpeg import START as JPEG_START
from analysis.caseset.jpeg import clean_jpeg
from analysis.caseset.pixels import MAXIMUM_BYTES, Cleaned
from analysis.caseset.png import SIGNATURE as PNG_SIGNATURE
from analysis.caseset.png import clean_png


def read_source(path: Path) -> bytes:
    """Read an image file of at most 64 MiB.

    Raises
    ------
    CaseSetError: unreadable, empty or larger.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAXIMUM_BYTES + 1)
    except OSError as error:
        raise CaseSetError(f"{path}: expected a readable image ({error.strerror})") from error
    if not 0 < len(data) <= MAXIMUM_BYTES:
        raise CaseSetError(f"{path}: expected 1 to {MAXIMUM_BYTES} bytes, {len(data)} or more came")
    return data


def clean_image(path: Path, data: bytes, case: str) -> Cleaned:
    """Sanitise an image by what its bytes are, whatever its name says.

    Nothing is decoded but the checks that the container is whole; pixels are the same before and after.

    Raises
    ------
    CaseSetError: another format, or a damaged file.
    """
    if data.startswith(PNG_SIGNATURE):
        return clean_png(data, str(path))
    if data.startswith(JPEG_START):
        return clean_jpeg(data, str(path))
    if data[128:132] == b"DICM":
        return clean_dicom(path, data, case)
    raise CaseSetError(f"{path}: expected a PNG, JPEG or DICOM file, bytes {data[:8].hex()} came")
