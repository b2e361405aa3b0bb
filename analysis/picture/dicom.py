"""DICOM to a presentation: header checks, decompression, depth and sign, padding, polarity."""

import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

import numpy as np
from pydicom import Dataset, config, dcmread
from pydicom.dataelem import RawDataElement
from pydicom.encaps import generate_frames
from pydicom.filereader import read_dataset, read_preamble
from pydicom.pixels import apply_color_lut, convert_color_space
from pydicom.tag import Tag

from analysis.picture import dicom_header as header
from analysis.picture.codecs import BIG_ENDIAN, DEFLATED, SYNTAXES, decode_frame
from analysis.picture.presentation import Linear, Presentation
from analysis.picture.refusals import ImageRefusedError, Reason, check_size, refused_as
from analysis.picture.stored import GREY, Layout, grey_if_equal, stored_values
from analysis.picture.tone import Table

SECONDARY_CAPTURES = {
    "1.2.840.10008.5.1.4.1.1.7", *(f"1.2.840.10008.5.1.4.1.1.7.{kind}" for kind in range(1, 5)),
}  # fmt: skip
"""SOP classes of pictures that were captured from a screen, from film or by another program."""

INFLATED_BYTES = 2**28
"""The largest deflated data set, unpacked: 256 MiB."""

_OVERLAYS = [Tag(group, 0x0102) for group in range(0x6000, 0x6020, 2)]
"""Overlay Bit Position of each overlay."""
_TAGS = _OVERLAYS + [Tag(keyword) for keyword in (
    "SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames", "Rows", "Columns", "BitsAllocated",
    "BitsStored", "HighBit", "PixelRepresentation", "PlanarConfiguration", "PixelPaddingValue",
    "PixelPaddingRangeLimit", "PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing",
    "RescaleIntercept", "RescaleSlope", "WindowCenter", "WindowWidth", "VOILUTFunction",
    "ModalityLUTSequence", "VOILUTSequence", "LUTDescriptor", "LUTData", "PresentationLUTShape",
    "RedPaletteColorLookupTableDescriptor", "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor", "RedPaletteColorLookupTableData",
    "GreenPaletteColorLookupTableData", "BluePaletteColorLookupTableData", "PixelData", "SOPClassUID",
    "BurnedInAnnotation", "ICCProfile",
)]  # fmt: skip
"""All that is ever parsed, with the overlays' places: nothing about a person."""

_COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_PALETTE = "PALETTE COLOR"
_CONVERTED = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")
"""JPEG with losses comes out of its decoder as RGB; every other syntax as its components."""
_SHARED = "YBR_FULL_422"
"""Uncompressed, two pixels of a row share their colour: four bytes hold both (PS3.3 C.7.6.3.1.2)."""
_UNDEFINED = 2**32 - 1
"""The length that compressed pixels state."""

_QUIET = threading.Lock()


def read_dicom(data: bytes) -> Presentation:
    """Read a DICOM file of one frame.

    Raises
    ------
    ImageRefusedError: with the reason.
    """
    notes: header.Notes = []
    with _quiet():
        dataset, syntax = _opened(data)
        layout = read_layout(dataset, syntax)
        modality = header.modality_of(dataset, notes) if layout.grey else Linear()
        views = header.voi_of(dataset, _lowest_unit(layout, modality), notes) if layout.grey else ()
        padding, overlays = header.padding_ends(dataset), _overlay_bits(dataset)
        spacing = header.pixel_spacing(dataset, notes)
        inverted = _inverted(dataset, layout, notes)
        burned_in = _burned_in(dataset)
        profile = header.value_of(dataset, "ICCProfile")
        payload = _payload(dataset, layout, syntax)
    words, bits = _words(payload, layout, syntax)
    if not layout.grey:
        colours = grey_if_equal(_colours(dataset, layout, syntax, words), notes)
        profile = profile if colours.ndim == 3 and isinstance(profile, bytes) else b""
        return Presentation(
            colours, 8, "DICOM", spacing=spacing, ready=True, syntax=syntax,
            decisions=tuple(notes), burned_in=burned_in, profile=profile,
        )  # fmt: skip
    stored, used, cleared = stored_values(words, bits, layout, overlays, padding)
    if used is not None:
        notes.append("Padding pixels are left out of the percentiles.")
    if cleared:
        notes.append("Bits outside Bits Stored hold an overlay and are cleared.")
    return Presentation(
        stored, layout.stored, "DICOM", modality, views, inverted, used, spacing,
        syntax=syntax, decisions=tuple(notes), burned_in=burned_in,
    )  # fmt: skip


@contextmanager
def _quiet() -> Iterator[None]:
    """Let pydicom read values that break its rules silently: what is needed is checked here.

    One thread at a time, for what is said of warnings holds for the whole process.
    """
    with _QUIET, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mode = config.settings.reading_validation_mode
        config.settings.reading_validation_mode = config.IGNORE
        try:
            yield
        finally:
            config.settings.reading_validation_mode = mode


def _opened(data: bytes) -> tuple[Dataset, str]:
    """Read the file meta group alone first, so that a deflated data set is unpacked under a bound."""
    file = BytesIO(data)
    with refused_as(Reason.CORRUPT):
        read_preamble(file, force=False)
        meta = read_dataset(file, False, True, stop_when=lambda tag, vr, length: tag >> 16 != 2)
        syntax = str(meta.get("TransferSyntaxUID") or "")
    if not syntax:
        raise ImageRefusedError(Reason.MISSING_TAG, "TransferSyntaxUID")
    if syntax not in SYNTAXES:
        raise ImageRefusedError(Reason.TRANSFER_SYNTAX)
    with refused_as(Reason.CORRUPT):
        try:
            if syntax != DEFLATED:
                return dcmread(BytesIO(data), specific_tags=_TAGS), syntax
            inflated = BytesIO(_inflated(data[file.tell() :]))
            return read_dataset(inflated, False, True, specific_tags=_TAGS), syntax
        except EOFError as error:
            raise ImageRefusedError(Reason.TRUNCATED) from error


def _inflated(packed: bytes) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = inflater.decompress(packed, INFLATED_BYTES)
    except zlib.error as error:
        raise ImageRefusedError(Reason.DEFLATED) from error
    if not inflater.eof:
        raise ImageRefusedError(Reason.DEFLATED)
    return data


def read_layout(dataset: Dataset, syntax: str) -> Layout:
    """Check the image pixel module; return what is needed of it.

    Raises
    ------
    ImageRefusedError: several frames, more than 100 megapixels, a depth other than 1 to 16 bit in 8 or 16, a
        missing or senseless attribute, samples that are neither grey, a palette nor three colours.
    """
    if "PixelData" not in dataset:
        raise ImageRefusedError(Reason.MISSING_TAG, "PixelData")
    raw = dataset.get_item(Tag("PixelData"))
    if isinstance(raw, RawDataElement) and _UNDEFINED > raw.length > len(raw.value or b""):
        raise ImageRefusedError(Reason.TRUNCATED)
    samples = header.required_number(dataset, "SamplesPerPixel", 1, 4)
    photometric = header.required_text(dataset, "PhotometricInterpretation")
    if photometric not in ((*GREY, _PALETTE) if samples == 1 else _COLOURS if samples == 3 else ()):
        raise ImageRefusedError(Reason.COLOUR_SPACE)
    if (header.number(dataset, "NumberOfFrames") or 1) != 1:
        raise ImageRefusedError(Reason.MULTI_FRAME)
    rows, columns = (header.required_number(dataset, keyword, 1, 65535) for keyword in ("Rows", "Columns"))
    check_size(rows, columns)
    allocated = header.required_number(dataset, "BitsAllocated", 1, 64)
    stored = header.required_number(dataset, "BitsStored", 1, 64)
    if allocated not in (8, 16) or (samples == 3 and allocated != 8):
        raise ImageRefusedError(Reason.DEPTH)
    if stored > allocated:
        raise ImageRefusedError(Reason.INVALID_TAG, "BitsStored")
    high = header.number(dataset, "HighBit")
    high = stored - 1 if high is None else high
    if not stored - 1 <= high < allocated:
        raise ImageRefusedError(Reason.INVALID_TAG, "HighBit")
    signed = header.required_number(dataset, "PixelRepresentation", 0, 1) == 1
    apart = samples == 3 and header.value_of(dataset, "PlanarConfiguration") == 1
    swapped = syntax == BIG_ENDIAN and allocated == 8 and dataset["PixelData"].VR == "OW"
    return Layout(
        rows, columns, samples, photometric, allocated, stored, high + 1 - stored, signed, apart, swapped
    )


def _lowest_unit(layout: Layout, modality: Linear | Table) -> float:
    """Return the lowest modality value that the depth can hold."""
    if isinstance(modality, Table):
        return 0.0
    return min(modality.slope * end + modality.intercept for end in layout.ends)


def _overlay_bits(dataset: Dataset) -> int:
    """Return a mask of the bits that an overlay of the header lies in; 0 is the place of overlays of their own."""
    mask = 0
    for tag in _OVERLAYS:
        try:
            place = int(dataset[tag].value) if tag in dataset else 0
        except (TypeError, ValueError):
            continue
        mask |= 1 << place if 0 < place < 16 else 0
    return mask


def _inverted(dataset: Dataset, layout: Layout, notes: header.Notes) -> bool:
    """Tell whether small values are bright: either attribute that says so is heard."""
    dark = layout.photometric == "MONOCHROME1"
    shape = str(header.value_of(dataset, "PresentationLUTShape") or "").strip().upper()
    if dark or shape == "INVERSE":
        notes.append("Small values are bright: the grey scale is inverted.")
    if shape in ("IDENTITY", "INVERSE") and (shape == "INVERSE") != dark and layout.grey:
        notes.append(
            "Photometric Interpretation and Presentation LUT Shape disagree: either inverts the grey scale."
        )
    return dark or shape == "INVERSE"


def _burned_in(dataset: Dataset) -> bool:
    """Tell whether text must be expected in the pixels; a NO is what a program said and clears no capture."""
    said = str(header.value_of(dataset, "BurnedInAnnotation") or "").strip().upper()
    kind = str(header.value_of(dataset, "SOPClassUID") or "").strip(" \0")
    return said == "YES" or kind in SECONDARY_CAPTURES


def _payload(dataset: Dataset, layout: Layout, syntax: str) -> bytes:
    """Return the bytes of the one frame."""
    data = dataset.PixelData
    if not SYNTAXES[syntax].codec:
        needed = int(np.prod(layout.shape)) * layout.allocated // 8
        if layout.photometric == _SHARED and not (layout.columns % 2 or layout.swapped or layout.apart):
            needed = needed // 3 * 2
        if not isinstance(data, bytes) or len(data) < needed:
            raise ImageRefusedError(Reason.TRUNCATED)
        return data
    with refused_as(Reason.CORRUPT):
        return bytes(next(generate_frames(data, number_of_frames=1)))


def _words(payload: bytes, layout: Layout, syntax: str) -> tuple[np.ndarray, int]:
    """Decode the frame to words with all bits as they came, and the number of low bits that hold the value."""
    codec = SYNTAXES[syntax].codec
    if codec:
        # With the mark of JFIF or Adobe a codec knows what the components of a JPEG are.
        marked = payload[6:10] == b"JFIF" or b"\xff\xee\x00\x0eAdobe" in payload[:4096]
        raw = codec == "jpeg8_decode" and layout.photometric == "RGB" and not marked
        return decode_frame(payload, syntax, layout.shape, layout.allocated, raw_colours=raw)
    count = int(np.prod(layout.shape))
    if layout.allocated == 16:
        words = np.frombuffer(payload, ">u2" if syntax == BIG_ENDIAN else "<u2", count)
        words = words.astype(np.uint16, copy=False)
    elif layout.swapped:
        words = np.frombuffer(payload[: len(payload) // 2 * 2], ">u2").astype("<u2").view(np.uint8)[:count]
    elif layout.photometric == _SHARED and len(payload) < count:
        words = np.frombuffer(payload, np.uint8, count // 3 * 2).reshape(-1, 4)[:, [0, 2, 3, 1, 2, 3]]
    else:
        words = np.frombuffer(payload, np.uint8, count)
    if layout.apart:
        words = np.moveaxis(words.reshape(3, *layout.shape[:2]), 0, 2)
    return words.reshape(layout.shape), layout.allocated


def _colours(dataset: Dataset, layout: Layout, syntax: str, words: np.ndarray) -> np.ndarray:
    """Return red, green and blue, rows x columns x 3 of uint8.

    Raises
    ------
    ImageRefusedError: a palette that cannot be read, or of more than 8 bits with colours.
    """
    with refused_as(Reason.COLOUR_SPACE):
        if layout.photometric == _PALETTE:
            values = (words >> layout.shift) & (2**layout.stored - 1)
            colours = np.asarray(apply_color_lut(values, dataset))
            # Some write entries of 8 bits where they say 16.
            return (colours >> 8 if colours.max() > 255 else colours).astype(np.uint8)
        if layout.photometric.startswith("YBR_FULL") and syntax not in _CONVERTED:
            return np.asarray(convert_color_space(words, "YBR_FULL", "RGB"))
    return words
