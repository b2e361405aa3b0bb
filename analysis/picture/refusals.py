"""Why an image is refused: a fixed list of reasons.

A refusal is one of these codes and nothing else, so that no text of a file (a name, a number, a comment) can
reach a message, a log or a row; the child process that reads untrusted files sends back only the code.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum

DICOM_TAGS = (
    "BitsAllocated", "BitsStored", "Columns", "HighBit", "ModalityLUTSequence", "NumberOfFrames",
    "PhotometricInterpretation", "PixelData", "PixelRepresentation", "RescaleIntercept", "RescaleSlope",
    "Rows", "SamplesPerPixel", "TransferSyntaxUID",
)  # fmt: skip
"""The DICOM keywords that a reason may name."""


class Reason(Enum):
    """A reason for refusing an image: its name is the code, its value the text for people."""

    EMPTY = "the file is empty; export the image again"
    FILE_TOO_LARGE = "the file is larger than 64 MB; give single images"
    NOT_A_FILE = "expected a plain file, not a link, folder or device"
    CHANGED = "the file is not the one in the case set: its SHA-256 differs; write the case set again"
    UNKNOWN_FORMAT = "expected DICOM (with its 128-byte preamble), PNG or JPEG, found something else"
    TWO_FORMATS = "the file is DICOM but also begins like another format; export the image again"
    TOO_MANY_PIXELS = "the image has more than 100 megapixels"
    TRUNCATED = "the pixel data are truncated; copy or export the image again"
    CORRUPT = "the image cannot be decoded; export the image again"
    MULTI_FRAME = "expected one frame, found several; export one image per file"
    LYING_HEADER = "the header and the compressed image inside state different sizes"
    COLOUR = "expected a grey image, found colour"
    NOT_RGB = (
        "expected an 8-bit RGB PNG without an ICC profile, as all of a set in colour are; write the set again"
    )
    GREY = "expected an image in colour, as the others of the set, or 8-bit grey levels; found deeper grey"
    COLOUR_SPACE = (
        "the colours, or their ICC profile, cannot be converted to sRGB; export the image as plain RGB"
    )
    TRANSPARENT = "expected an opaque image, found transparent pixels"
    DEPTH = (
        "expected per pixel one grey value of 8 or 16 bit, at most 16 bit in use, or three colours of 8 bit"
    )
    DEPTH_EXCEEDED = "pixel values need more bits than Bits Stored; correct the header"
    DEFLATED = "the deflated data set is damaged, or larger than 256 MB unpacked; convert to Explicit VR"
    NEUTRAL = "the fields of this image of a case set are damaged or of a newer version; write the set again"
    TRANSFER_SYNTAX = "the transfer syntax is not one of uncompressed, RLE, JPEG, JPEG-LS, JPEG 2000"
    NO_DECODER = "reading DICOM needs pydicom and imagecodecs; install requirements.txt"
    MISSING_TAG = "a required DICOM attribute is absent"
    INVALID_TAG = "a DICOM attribute has an invalid value"
    OUT_OF_MEMORY = "decoding needs more memory than allowed"
    CPU_TIME = "decoding needs more computing time than allowed"
    WALL_CLOCK = "decoding takes longer than allowed"
    CRASHED = "the decoder crashed on this file"
    BAD_REPLY = "the decoder returned something that is not an image"


@dataclass(frozen=True)
class Refusal:
    """A reason and, for the two tag reasons, the DICOM keyword; `str()` gives the text for people."""

    reason: Reason
    tag: str = ""

    def __post_init__(self) -> None:
        """Refuse a keyword from outside the list: it could carry text of a file."""
        if self.tag and self.tag not in DICOM_TAGS:
            raise ValueError("expected a DICOM keyword of the fixed list")

    def __str__(self) -> str:
        """Return the explanation, with the keyword where there is one."""
        return f"{self.reason.value}: {self.tag}" if self.tag else self.reason.value


class ImageRefusedError(Exception):
    """An image that will not be read; `refusal` says why."""

    def __init__(self, reason: Reason, tag: str = "") -> None:
        """Build the refusal from its parts."""
        self.refusal = Refusal(reason, tag)
        super().__init__(str(self.refusal))


@contextmanager
def refused_as(reason: Reason, tag: str = "") -> Iterator[None]:
    """Refuse for this reason whatever goes wrong in the block; a refusal keeps its own, and a want of memory is none.

    The libraries have errors of many kinds for a file that is broken on purpose.
    """
    try:
        yield
    except (MemoryError, ImageRefusedError):
        raise
    except Exception as error:
        raise ImageRefusedError(reason, tag) from error


MAX_PIXELS = 100_000_000


def check_size(rows: int, columns: int) -> None:
    """Refuse more than 100 megapixels.

    Raises
    ------
    ImageRefusedError: too many pixels.
    """
    if rows * columns > MAX_PIXELS:
        raise ImageRefusedError(Reason.TOO_MANY_PIXELS)
