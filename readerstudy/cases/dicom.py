"""DICOM to grey values: header checks, decompression, depth and sign, polarity.

A linear rescale is not multiplied into the pixels. Stored values are kept at full depth (turned round where
the slope is negative, shifted to begin at 0), and the window is mapped back into them: the same picture, with
no rounding, whatever the slope. A Modality LUT, which is not linear, is applied.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from pydicom import config, dcmread
from pydicom.encaps import generate_frames
from pydicom.filereader import read_dataset, read_preamble
from pydicom.pixels import get_decoder

from readerstudy.cases.codestream import codestream_size
from readerstudy.cases.dicom_header import (
    decimals,
    lookup_table,
    number,
    pixel_spacing,
    required_number,
    required_text,
    rescale,
    stated_window,
)
from readerstudy.cases.greys import Greys, check_size
from readerstudy.cases.refusals import ImageRefusedError, Reason

DEFLATED = "1.2.840.10008.1.2.1.99"
_NATIVE = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2")
_RLE = "1.2.840.10008.1.2.5"
_J2K = ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.4.201",
        "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203")  # fmt: skip
_JPEG_LS = ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81")
_JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
_JPEG = ("1.2.840.10008.1.2.4.50", _JPEG_EXTENDED)
_JPEG_LOSSLESS = ("1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70")

PLUGINS: dict[str, str] = {
    **dict.fromkeys(_NATIVE, ""),
    _RLE: "pylibjpeg",
    **dict.fromkeys(_J2K, "pylibjpeg"),
    **dict.fromkeys(_JPEG_LS, "pyjpegls"),
    **dict.fromkeys(_JPEG, "pillow"),
    **dict.fromkeys(_JPEG_LOSSLESS, "pylibjpeg"),
}
"""The one decoder of each accepted transfer syntax, so that all machines decode alike."""

_TAGS: list[Any] = [
    "SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames", "Rows", "Columns", "BitsAllocated",
    "BitsStored", "HighBit", "PixelRepresentation", "PlanarConfiguration", "PixelPaddingValue",
    "PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "RescaleIntercept", "RescaleSlope",
    "WindowCenter", "WindowWidth", "VOILUTFunction", "ModalityLUTSequence", "VOILUTSequence",
    "LUTDescriptor", "LUTData", "ExtendedOffsetTable", "ExtendedOffsetTableLengths", "PixelData",
]  # fmt: skip
"""All that is ever parsed: nothing about a person."""


@dataclass(frozen=True)
class Layout:
    """How pixels are stored: allocated is 8 or 16, stored is 1 to allocated."""

    rows: int
    columns: int
    allocated: int
    stored: int
    signed: bool
    inverted: bool

    @property
    def half(self) -> int:
        """What is added to stored values so that they begin at 0."""
        return 2 ** (self.stored - 1) if self.signed else 0


def read_dicom(file: BinaryIO) -> Greys:
    """Read a single-frame grey DICOM image; MONOCHROME1 is inverted, so that larger is brighter.

    Raises
    ------
    ImageRefusedError: with the reason.
    """
    with _tolerant():
        syntax = _transfer_syntax(file)
        file.seek(0)
        try:
            dataset = dcmread(file, specific_tags=_TAGS)
        except MemoryError:
            raise
        except EOFError as error:
            raise ImageRefusedError(Reason.TRUNCATED) from error
        except Exception as error:
            raise ImageRefusedError(Reason.CORRUPT) from error
        layout = read_layout(dataset)
        stored = _unsigned(_decompressed(dataset, syntax, layout), layout)
        return _greys(dataset, layout, stored)


@contextmanager
def _tolerant() -> Iterator[None]:
    """Let pydicom read values that break its rules without a word: what is needed is checked here."""
    mode = config.settings.reading_validation_mode
    config.settings.reading_validation_mode = config.IGNORE
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        config.settings.reading_validation_mode = mode


def _transfer_syntax(file: BinaryIO) -> str:
    """Read the file meta group alone: pydicom would inflate a deflated data set before one could look."""
    try:
        read_preamble(file, force=False)
        meta = read_dataset(file, False, True, stop_when=lambda tag, vr, length: tag >> 16 != 2)
        syntax = str(meta.get("TransferSyntaxUID") or "")
    except MemoryError:
        raise
    except Exception as error:
        raise ImageRefusedError(Reason.CORRUPT) from error
    if not syntax:
        raise ImageRefusedError(Reason.MISSING_TAG, "TransferSyntaxUID")
    if syntax == DEFLATED:
        raise ImageRefusedError(Reason.DEFLATED)
    if syntax not in PLUGINS:
        raise ImageRefusedError(Reason.TRANSFER_SYNTAX)
    return syntax


def read_layout(dataset: Any) -> Layout:
    """Check the image pixel module; return what is needed of it.

    Raises
    ------
    ImageRefusedError: several frames, colours, more than 100 megapixels, a depth other than 1 to 16 bit in 8
        or 16, a missing or senseless attribute.
    """
    if "PixelData" not in dataset:
        raise ImageRefusedError(Reason.MISSING_TAG, "PixelData")
    _refuse_colour(dataset)
    if (number(dataset, "NumberOfFrames") or 1) != 1:
        raise ImageRefusedError(Reason.MULTI_FRAME)
    rows, columns = (required_number(dataset, keyword, 1, 65535) for keyword in ("Rows", "Columns"))
    check_size(rows, columns)
    allocated = required_number(dataset, "BitsAllocated", 1, 64)
    stored = required_number(dataset, "BitsStored", 1, 64)
    if allocated not in (8, 16):
        raise ImageRefusedError(Reason.DEPTH)
    if stored > allocated:
        raise ImageRefusedError(Reason.INVALID_TAG, "BitsStored")
    high = number(dataset, "HighBit")
    if high is not None and high != stored - 1:
        raise ImageRefusedError(Reason.INVALID_TAG, "HighBit")
    signed = required_number(dataset, "PixelRepresentation", 0, 1) == 1
    inverted = required_text(dataset, "PhotometricInterpretation") == "MONOCHROME1"
    return Layout(rows, columns, allocated, stored, signed, inverted)


def _refuse_colour(dataset: Any) -> None:
    if required_number(dataset, "SamplesPerPixel", 1, 4) != 1:
        raise ImageRefusedError(Reason.COLOUR)
    if required_text(dataset, "PhotometricInterpretation") not in ("MONOCHROME1", "MONOCHROME2"):
        raise ImageRefusedError(Reason.COLOUR)


def _decompressed(dataset: Any, syntax: str, layout: Layout) -> np.ndarray:
    """Decode the one frame to rows x columns of the allocated type, with the unused bits as they came."""
    decoder = get_decoder(dataset.file_meta.TransferSyntaxUID)
    # Pillow reads 8 of the two depths of JPEG Extended; the other one needs the optional extra.
    plugin = "pylibjpeg" if syntax == _JPEG_EXTENDED and layout.stored != 8 else PLUGINS[syntax]
    if plugin and plugin not in decoder.available_plugins:
        raise ImageRefusedError(Reason.NO_DECODER)
    if syntax in _NATIVE:
        if len(dataset.PixelData) < layout.rows * layout.columns * layout.allocated // 8:
            raise ImageRefusedError(Reason.TRUNCATED)
    elif syntax != _RLE:
        _check_codestream(dataset, layout)
    try:
        pixels, _ = decoder.as_array(
            dataset,
            raw=True,
            decoding_plugin=plugin,
            correct_unused_bits=False,
            allow_excess_frames=False,
        )
    except MemoryError:
        raise
    except Exception as error:
        raise ImageRefusedError(Reason.CORRUPT) from error
    if pixels.shape != (layout.rows, layout.columns):
        raise ImageRefusedError(Reason.CORRUPT)
    return np.asarray(pixels, pixels.dtype.newbyteorder("="))


def _check_codestream(dataset: Any, layout: Layout) -> None:
    try:
        data = next(generate_frames(dataset.PixelData, number_of_frames=1))
    except MemoryError:
        raise
    except Exception as error:
        raise ImageRefusedError(Reason.CORRUPT) from error
    rows, columns = codestream_size(data)
    check_size(rows, columns)
    if (rows, columns) != (layout.rows, layout.columns):
        raise ImageRefusedError(Reason.LYING_HEADER)


def _unsigned(pixels: np.ndarray, layout: Layout) -> np.ndarray:
    """Shift stored values to 0 .. 2**stored - 1; refuse bits outside Bits Stored, which would wrap round."""
    mask, half = 2**layout.stored - 1, layout.half
    if not layout.signed:
        if int(pixels.max()) > mask:
            raise ImageRefusedError(Reason.DEPTH_EXCEEDED)
        return pixels.astype(np.uint16)
    values = pixels.astype(np.int32)
    # The bits above the sign may repeat it or be 0; anything else is not this image.
    values[(values >= half) & (values <= mask)] -= mask + 1
    if int(values.min()) < -half or int(values.max()) >= half:
        raise ImageRefusedError(Reason.DEPTH_EXCEEDED)
    return (values + half).astype(np.uint16)


def _greys(dataset: Any, layout: Layout, stored: np.ndarray) -> Greys:
    """Apply the modality transform and the polarity; map the stated window the same way."""
    used = _used(dataset, layout, stored)
    window = stated_window(dataset)
    try:
        table = lookup_table(dataset, "ModalityLUTSequence")
    except (AttributeError, TypeError, ValueError) as error:
        raise ImageRefusedError(Reason.INVALID_TAG, "ModalityLUTSequence") from error
    if table is None:
        bits = layout.stored
        pixels, window = _linear(stored, layout, rescale(dataset), window)
    else:
        entries, first, bits = table
        places = np.clip(stored.astype(np.int32) - (layout.half + first), 0, len(entries) - 1)
        pixels = entries[places]
    if layout.inverted:
        top = 2**bits - 1
        pixels = top - pixels
        window = None if window is None else (top - window[1], top - window[0])
    return Greys(pixels, max(8, bits), window, pixel_spacing(dataset), used)


def _linear(
    stored: np.ndarray, layout: Layout, transform: tuple[float, float], window: tuple[float, float] | None
) -> tuple[np.ndarray, tuple[float, float] | None]:
    """Turn the pixels round where the slope is negative; take the window from modality units to pixels."""
    slope, intercept = transform
    top = 2**layout.stored - 1
    if window is not None:
        low, high = ((limit - intercept) / slope + layout.half for limit in window)
        window = (low, high) if slope > 0 else (top - low, top - high)
    return (stored if slope > 0 else top - stored), window


def _used(dataset: Any, layout: Layout, stored: np.ndarray) -> np.ndarray | None:
    """Mark the pixels that are image, by Pixel Padding Value; None where the file names no padding."""
    padding = decimals(dataset, "PixelPaddingValue")
    return stored != padding[0] + layout.half if padding else None
