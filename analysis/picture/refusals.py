"""Why an image is refused: a fixed list of reasons.

A refusal is one of these codes and nothing else, so that no text of a file (a name, a number, a comment) can
reach a message, a log or a row; the child process that reads untrusted files sends back only the code.
"""

from dataclasses import dataclass
from enum import StrEnum

DICOM_TAGS = (
    "BitsAllocated", "BitsStored", "Columns", "HighBit", "ModalityLUTSequence", "NumberOfFrames",
    "PhotometricInterpretation", "PixelData", "PixelRepresentation", "RescaleIntercept", "RescaleSlope",
    "Rows", "SamplesPerPixel", "TransferSyntaxUID",
)  # fmt: skip
"""The DICOM keywords that a reason may name."""


class Reason(StrEnum):
    """A reason for refusing an image; the value is the code, `EXPLANATIONS` holds the text."""

    EMPTY = "empty"
    FILE_TOO_LARGE = "file_too_large"
    NOT_A_FILE = "not_a_file"
    CHANGED = "changed"
    UNKNOWN_FORMAT = "unknown_format"
    TWO_FORMATS = "two_formats"
    TOO_MANY_PIXELS = "too_many_pixels"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    MULTI_FRAME = "multi_frame"
    LYING_HEADER = "lying_header"
    COLOUR = "colour"
    TRANSPARENT = "transparent"
    DEPTH = "depth"
    DEPTH_EXCEEDED = "depth_exceeded"
    DEFLATED = "deflated"
    NEUTRAL = "neutral"
    TRANSFER_SYNTAX = "transfer_syntax"
    NO_DECODER = "no_decoder"
    MISSING_TAG = "missing_tag"
    INVALID_TAG = "invalid_tag"
    OUT_OF_MEMORY = "out_of_memory"
    CPU_TIME = "cpu_time"
    WALL_CLOCK = "wall_clock"
    CRASHED = "crashed"
    BAD_REPLY = "bad_reply"


EXPLANATIONS = {
    Reason.EMPTY: "the file is empty; export the image again",
    Reason.FILE_TOO_LARGE: "the file is larger than 64 MB; give single images",
    Reason.NOT_A_FILE: "expected a plain file, not a link, folder or device",
    Reason.CHANGED: "the file is not the one in the case set: its SHA-256 differs; write the case set again",
    Reason.UNKNOWN_FORMAT: "expected DICOM (with its 128-byte preamble), PNG or JPEG, found something else",
    Reason.TWO_FORMATS: "the file is DICOM but also begins like another format; export the image again",
    Reason.TOO_MANY_PIXELS: "the image has more than 100 megapixels",
    Reason.TRUNCATED: "the pixel data are truncated; copy or export the image again",
    Reason.CORRUPT: "the image cannot be decoded; export the image again",
    Reason.MULTI_FRAME: "expected one frame, found several; export one image per file",
    Reason.LYING_HEADER: "the header and the compressed image inside state different sizes",
    Reason.COLOUR: "expected a grey image, found colour",
    Reason.TRANSPARENT: "expected an opaque image, found transparent pixels",
    Reason.DEPTH: "expected one grey value of 8 or 16 bit per pixel, with at most 16 bit in use",
    Reason.DEPTH_EXCEEDED: "pixel values need more bits than Bits Stored; correct the header",
    Reason.DEFLATED: "the deflated data set is damaged, or larger than 256 MB unpacked; convert to Explicit VR",
    Reason.NEUTRAL: "the fields of this image of a case set are damaged or of a newer version; write the set again",
    Reason.TRANSFER_SYNTAX: "the transfer syntax is not one of uncompressed, RLE, JPEG, JPEG-LS, JPEG 2000",
    Reason.NO_DECODER: "reading DICOM needs pydicom and imagecodecs; install requirements.txt",
    Reason.MISSING_TAG: "a required DICOM attribute is absent",
    Reason.INVALID_TAG: "a DICOM attribute has an invalid value",
    Reason.OUT_OF_MEMORY: "decoding needs more memory than allowed",
    Reason.CPU_TIME: "decoding needs more computing time than allowed",
    Reason.WALL_CLOCK: "decoding takes longer than allowed",
    Reason.CRASHED: "the decoder crashed on this file",
    Reason.BAD_REPLY: "the decoder returned something that is not an image",
}


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
        text = EXPLANATIONS[self.reason]
        return f"{text}: {self.tag}" if self.tag else text


class ImageRefusedError(Exception):
    """An image that will not be read; `refusal` says why."""

    def __init__(self, reason: Reason, tag: str = "") -> None:
        """Build the refusal from its parts."""
        self.refusal = Refusal(reason, tag)
        super().__init__(str(self.refusal))


MAX_PIXELS = 100_000_000


def check_size(rows: int, columns: int) -> None:
    """Refuse more than 100 megapixels.

    Raises
    ------
    ImageRefusedError: too many pixels.
    """
    if rows * columns > MAX_PIXELS:
        raise ImageRefusedError(Reason.TOO_MANY_PIXELS)
