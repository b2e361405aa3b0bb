"""DICOM headers read with distrust: empty attributes count as absent, and those that pixels do not need refuse no file.

Decimal strings (DS) are read from their bytes. A comma in one stands for the decimal point: DICOM separates values by a
backslash and has no thousands separator, so it can mean nothing else; this is noted.
"""

import math
import re
from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement

from analysis.picture.presentation import WIDEST_SPACING, Linear
from analysis.picture.refusals import DICOM_TAGS, ImageRefusedError, Reason, refused_as
from analysis.picture.tone import Table, Voi, Window

_COMMA = re.compile(r"[+-]?\d+,\d+")
_BINARY = ("FL", "FD", "US", "SS", "UL", "SL", "IS")
"""Kinds of value in which a wrong writer has put what should be a decimal string."""

Notes = list[str]


def value_of(dataset: Dataset, keyword: str) -> Any:
    """Return a value, None where it is absent or empty.

    Raises
    ------
    ImageRefusedError: one that cannot be read, of those that pixels need.
    """
    try:
        value = dataset.get(keyword)
    except MemoryError:
        raise
    except Exception as error:
        if keyword in DICOM_TAGS:
            raise ImageRefusedError(Reason.INVALID_TAG, keyword) from error
        return None
    return None if value is None or (hasattr(value, "__len__") and len(value) == 0) else value


def number(dataset: Dataset, keyword: str) -> int | None:
    """Return a whole number, or None where the attribute is absent or empty.

    Raises
    ------
    ImageRefusedError: something else than a whole number.
    """
    value = value_of(dataset, keyword)
    if value is None:
        return None
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ImageRefusedError(Reason.INVALID_TAG, keyword) from error


def required_number(dataset: Dataset, keyword: str, low: int, high: int) -> int:
    """Return a whole number from low to high.

    Raises
    ------
    ImageRefusedError: absent, or not such a number.
    """
    value = number(dataset, keyword)
    if value is None:
        raise ImageRefusedError(Reason.MISSING_TAG, keyword)
    if not low <= value <= high:
        raise ImageRefusedError(Reason.INVALID_TAG, keyword)
    return value


def required_text(dataset: Dataset, keyword: str) -> str:
    """Return a text.

    Raises
    ------
    ImageRefusedError: absent or empty.
    """
    value = value_of(dataset, keyword)
    if value is None:
        raise ImageRefusedError(Reason.MISSING_TAG, keyword)
    return str(value).strip().upper()


def decimals(dataset: Dataset, keyword: str, notes: Notes) -> list[float] | None:
    """Return the finite numbers of an attribute: [] where it is absent or empty, None where it cannot be read."""
    tag = tag_for_keyword(keyword)
    element = dataset.get_item(tag) if tag is not None and tag in dataset else None
    try:
        if isinstance(element, RawDataElement) and element.VR not in _BINARY:
            found = [float(text) for text in _texts(element.value or b"", keyword, notes)]
        else:
            value = value_of(dataset, keyword)
            several = value if isinstance(value, list | tuple) or hasattr(value, "append") else [value]
            found = [float(each) for each in several if each is not None]
    except (TypeError, ValueError, OverflowError, AttributeError):
        found = [math.nan]
    if all(map(math.isfinite, found)):
        return found
    notes.append(f"{keyword} contains something other than numbers.")
    return None


def _texts(raw: bytes, keyword: str, notes: Notes) -> list[str]:
    texts = [text.strip(" \0") for text in raw.decode("ascii").split("\\")]
    if any(_COMMA.fullmatch(text) for text in texts):
        notes.append(f"The decimal comma of {keyword} is read as a point.")
        texts = [text.replace(",", ".") if _COMMA.fullmatch(text) else text for text in texts]
    while texts and not texts[-1]:
        texts.pop()
    return texts  # a blank before others keeps its place, so that no centre meets another window's width


def modality_of(dataset: Dataset, notes: Notes) -> Linear | Table:
    """Return the modality transform: the first Modality LUT that holds one, else the rescale, else none.

    Raises
    ------
    ImageRefusedError: a broken table, a slope of 0, or a slope or an intercept that is no number.
    """
    with refused_as(Reason.INVALID_TAG, "ModalityLUTSequence"):
        tables = _tables(dataset, "ModalityLUTSequence", notes)
    if tables:
        return tables[0]
    found = []
    for keyword, default in (("RescaleSlope", 1.0), ("RescaleIntercept", 0.0)):
        values = decimals(dataset, keyword, notes)
        if values is None:
            raise ImageRefusedError(Reason.INVALID_TAG, keyword)
        found.append(values[0] if values else default)
    if found[0] == 0:
        raise ImageRefusedError(Reason.INVALID_TAG, "RescaleSlope")
    return Linear(*found)


def voi_of(dataset: Dataset, lowest: float, notes: Notes) -> tuple[Voi, ...]:
    """Return every view that the file offers, its tables before its windows; what is broken is left out.

    lowest: the lowest modality value. Where that is negative, the first input of a table is signed, whatever
    kind the file gives it.
    """
    try:
        tables = _tables(dataset, "VOILUTSequence", notes)
    except (TypeError, ValueError, AttributeError, ImageRefusedError):
        notes.append("The VOI LUT Sequence cannot be read and is ignored.")
        tables = []
    signed = [
        Table(each.entries, each.first - 2**16, each.bits) if lowest < 0 and each.first >= 2**15 else each
        for each in tables
    ]
    views: tuple[Voi, ...] = (*signed, *_windows(dataset, notes))
    if len(views) > 1:
        first = "VOI LUT" if signed else "window"
        notes.append(f"The file offers {len(signed)} VOI LUTs and {len(views) - len(signed)} windows: "
                     f"the first {first} is used.")  # fmt: skip
    return views


def _windows(dataset: Dataset, notes: Notes) -> list[Window]:
    centres, widths = (decimals(dataset, keyword, notes) or [] for keyword in ("WindowCenter", "WindowWidth"))
    function = str(value_of(dataset, "VOILUTFunction") or "LINEAR").strip().upper()
    if function not in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        notes.append("The VOI LUT Function is none of the three that DICOM defines; LINEAR is used.")
        function = "LINEAR"
    pairs = zip(centres, widths, strict=False)
    windows = [Window(centre, width, function) for centre, width in pairs if width > 0]
    if len(windows) < min(len(centres), len(widths)):
        notes.append("A window whose width is not above 0 is ignored.")
    return windows


def _tables(dataset: Dataset, keyword: str, notes: Notes) -> list[Table]:
    found = []
    for item in value_of(dataset, keyword) or []:
        if value_of(item, "LUTDescriptor") is None or value_of(item, "LUTData") is None:
            notes.append(f"An item of {keyword} contains no table and is ignored.")
        else:
            found.append(_table(item, little_endian=bool(dataset.original_encoding[1])))
    return found


def _table(item: Dataset, *, little_endian: bool) -> Table:
    """Read a table (DICOM PS3.3 C.11.1.1).

    Raises
    ------
    ValueError: a descriptor or data that do not fit together.
    """
    size, first, bits = (int(each) for each in item.LUTDescriptor)
    size = size % 2**16 or 2**16
    data = item.LUTData
    if isinstance(data, bytes):
        # Some writers pack entries of up to 8 bit into single bytes.
        packed = len(data) in (size, size + size % 2)
        entries = np.frombuffer(data, np.uint8 if packed else np.dtype("<u2" if little_endian else ">u2"))
    else:
        entries = np.asarray(data, np.int64).reshape(-1)
    if not 1 <= bits <= 16 or len(entries) < size:
        raise ValueError("expected a table of at most 16 bit, as long as its descriptor says")
    table = entries[:size].astype(np.uint16)
    if int(table.max()) >> bits:
        raise ValueError("expected entries within the depth of the descriptor")
    return Table(table, first, bits)


def pixel_spacing(dataset: Dataset, notes: Notes) -> tuple[float, float] | None:
    """Return (row, column) spacing in mm: Pixel Spacing, else at the detector, else of a film scanner."""
    for keyword in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
        values = decimals(dataset, keyword, notes) or []
        if len(values) == 2 and all(0 < value <= WIDEST_SPACING for value in values):
            return values[0], values[1]
    return None


def padding_ends(dataset: Dataset) -> tuple[int, ...]:
    """Return the value of padding, or both ends of its range, as written; empty where the file names none."""
    ends = []
    for keyword in ("PixelPaddingValue", "PixelPaddingRangeLimit"):
        try:
            value = number(dataset, keyword)
        except ImageRefusedError:
            value = None
        if value is None:
            break
        ends.append(value)
    return tuple(ends)
