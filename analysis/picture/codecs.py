"""Every transfer syntax that is read, and by which library: one for all that is compressed.

imagecodecs (BSD-3) decodes JPEG in all depths, JPEG-LS, JPEG 2000 and RLE. Of the wheels that can be had it alone
reads JPEG Lossless and 12-bit JPEG without the GPL; and one library in place of four is one to keep up to date.
The bytes of uncompressed pixels need none.
"""

from typing import Any, NamedTuple

import imagecodecs
import numpy as np

from analysis.picture.codestream import codestream_facts
from analysis.picture.refusals import ImageRefusedError, Reason, check_size


class Syntax(NamedTuple):
    """A transfer syntax: its name, the depths in bits that are read, and the function of imagecodecs ("": none)."""

    name: str
    depths: str
    codec: str = ""


DEFLATED = "1.2.840.10008.1.2.1.99"
RLE = "1.2.840.10008.1.2.5"
BIG_ENDIAN = "1.2.840.10008.1.2.2"

SYNTAXES = {
    "1.2.840.10008.1.2": Syntax("Implicit VR Little Endian", "1 to 16"),
    "1.2.840.10008.1.2.1": Syntax("Explicit VR Little Endian", "1 to 16"),
    DEFLATED: Syntax("Deflated Explicit VR Little Endian", "1 to 16"),
    BIG_ENDIAN: Syntax("Explicit VR Big Endian", "1 to 16"),
    RLE: Syntax("RLE Lossless", "1 to 16", "dicomrle_decode"),
    "1.2.840.10008.1.2.4.50": Syntax("JPEG Baseline", "8", "jpeg8_decode"),
    "1.2.840.10008.1.2.4.51": Syntax("JPEG Extended", "8 and 12", "jpeg8_decode"),
    "1.2.840.10008.1.2.4.57": Syntax("JPEG Lossless, all predictors", "2 to 16", "jpeg8_decode"),
    "1.2.840.10008.1.2.4.70": Syntax("JPEG Lossless, first predictor", "2 to 16", "jpeg8_decode"),
    "1.2.840.10008.1.2.4.80": Syntax("JPEG-LS Lossless", "2 to 16", "jpegls_decode"),
    "1.2.840.10008.1.2.4.81": Syntax("JPEG-LS Near-Lossless", "2 to 16", "jpegls_decode"),
    "1.2.840.10008.1.2.4.90": Syntax("JPEG 2000 Lossless", "1 to 16", "jpeg2k_decode"),
    "1.2.840.10008.1.2.4.91": Syntax("JPEG 2000", "1 to 16", "jpeg2k_decode"),
    "1.2.840.10008.1.2.4.201": Syntax("High-Throughput JPEG 2000 Lossless", "1 to 16", "jpeg2k_decode"),
    "1.2.840.10008.1.2.4.202": Syntax(
        "High-Throughput JPEG 2000 with RPCL, Lossless", "1 to 16", "jpeg2k_decode"
    ),
    "1.2.840.10008.1.2.4.203": Syntax("High-Throughput JPEG 2000", "1 to 16", "jpeg2k_decode"),
}
"""Any other transfer syntax is refused: video, JPIP, spectral selection and progression of JPEG, JPEG XL."""

for _syntax in SYNTAXES.values():  # now: a confined child can load nothing more when the first frame comes
    if _syntax.codec:
        getattr(imagecodecs, _syntax.codec)

Shape = tuple[int, ...]


def decode_frame(
    frame: bytes, syntax: str, shape: Shape, allocated: int, *, raw_colours: bool = False
) -> tuple[np.ndarray, int]:
    """Decode one compressed frame.

    Parameters
    ----------
    frame: the joined fragments.
    syntax: a compressed one of `SYNTAXES`.
    shape: (rows, columns) or (rows, columns, 3), as the header says.
    allocated: bits allocated, 8 or 16.
    raw_colours: the components of a JPEG are red, green and blue as they are.

    Returns
    -------
    Words of that shape, and how many low bits of each hold the value.

    Raises
    ------
    ImageRefusedError: truncated, corrupt, or of another size than the header says.
    """
    if syntax == RLE:
        return _run_lengths(frame, shape, allocated), allocated
    facts = codestream_facts(frame)
    check_size(facts.rows, facts.columns)
    if (facts.rows, facts.columns) != shape[:2] or not 1 <= facts.bits <= 16:
        raise ImageRefusedError(Reason.LYING_HEADER)
    if facts.samples != (shape[2] if len(shape) == 3 else 1):
        raise ImageRefusedError(Reason.COLOUR)
    options: dict[str, Any] = {"colorspace": "RGB", "outcolorspace": "RGB"} if raw_colours else {}
    try:
        words = getattr(imagecodecs, SYNTAXES[syntax].codec)(frame, **options)
    except MemoryError:
        raise
    except Exception as error:  # each codec has an error of its own
        raise ImageRefusedError(Reason.CORRUPT) from error
    if words.shape != shape or words.dtype.itemsize > 2:
        raise ImageRefusedError(Reason.CORRUPT)
    return words, facts.bits


def _run_lengths(frame: bytes, shape: Shape, allocated: int) -> np.ndarray:
    kind = np.dtype(f"<u{allocated // 8}")
    wanted = int(np.prod(shape)) * kind.itemsize
    try:
        data = imagecodecs.dicomrle_decode(frame, kind, out=wanted)
    except MemoryError:
        raise
    except Exception as error:
        raise ImageRefusedError(Reason.CORRUPT) from error
    if len(data) != wanted:
        raise ImageRefusedError(Reason.TRUNCATED)
    words = np.frombuffer(data, kind)
    # Colours lie one after the other.
    return words.reshape(shape) if len(shape) == 2 else np.moveaxis(words.reshape(3, *shape[:2]), 0, 2)
