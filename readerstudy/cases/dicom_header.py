"""What a DICOM header says, read with distrust: numbers, spacing, and the window in units of the modality."""

import math
from typing import Any

import numpy as np

from readerstudy.cases.refusals import DICOM_TAGS, ImageRefusedError, Reason

WIDEST_SPACING = 100.0
"""mm; a larger pixel is an error of the header."""


def number(dataset: Any, keyword: str) -> int | None:
    """Return a whole number, or None where the attribute is absent or empty.

    Raises
    ------
    ImageRefusedError: something else than a whole number.
    """
    value = _value(dataset, keyword)
    if value is None:
        return None
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ImageRefusedError(Reason.INVALID_TAG, keyword) from error


def required_number(dataset: Any, keyword: str, low: int, high: int) -> int:
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


def required_text(dataset: Any, keyword: str) -> str:
    """Return a text.

    Raises
    ------
    ImageRefusedError: absent or empty.
    """
    value = _value(dataset, keyword)
    if value is None:
        raise ImageRefusedError(Reason.MISSING_TAG, keyword)
    return str(value).strip()


def decimals(dataset: Any, keyword: str) -> list[float]:
    """Return the finite numbers of an attribute; an empty list where it is absent or holds anything else."""
    try:
        value = _value(dataset, keyword)
        several = value if isinstance(value, list | tuple) or hasattr(value, "append") else [value]
        found = [float(each) for each in several if each is not None]
    except (TypeError, ValueError, OverflowError, ImageRefusedError):
        return []
    return found if all(map(math.isfinite, found)) else []


def rescale(dataset: Any) -> tuple[float, float]:
    """Return (slope, intercept) of the linear modality transform, (1, 0) where there is none.

    Raises
    ------
    ImageRefusedError: a slope of 0, or values that are no numbers.
    """
    found = []
    for keyword, default in (("RescaleSlope", 1.0), ("RescaleIntercept", 0.0)):
        values = decimals(dataset, keyword)
        if not values and keyword in dataset and _value(dataset, keyword) is not None:
            raise ImageRefusedError(Reason.INVALID_TAG, keyword)
        found.append(values[0] if values else default)
    if found[0] == 0:
        raise ImageRefusedError(Reason.INVALID_TAG, "RescaleSlope")
    return found[0], found[1]


def pixel_spacing(dataset: Any) -> tuple[float, float] | None:
    """Return (row, column) spacing in mm: Pixel Spacing, else at the detector, else of a film scanner."""
    for keyword in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
        values = decimals(dataset, keyword)
        if len(values) == 2 and all(0 < value <= WIDEST_SPACING for value in values):
            return values[0], values[1]
    return None


def stated_window(dataset: Any) -> tuple[float, float] | None:
    """Return (low, high) of the first window, else of the first VOI LUT, in modality units.

    Limits after DICOM PS3.3 C.11.2.1.2: LINEAR runs from c - 0.5 - (w - 1) / 2 to c - 0.5 + (w - 1) / 2,
    LINEAR_EXACT from c - w / 2 to c + w / 2; a SIGMOID is shown as LINEAR_EXACT. A VOI LUT is reduced to the
    range in which its output rises; one that falls is not used. None where neither is present or usable.
    """
    centres, widths = decimals(dataset, "WindowCenter"), decimals(dataset, "WindowWidth")
    if centres and widths and widths[0] > 0:
        centre, width = centres[0], widths[0]
        function = str(_value(dataset, "VOILUTFunction") or "LINEAR").strip().upper()
        if function == "LINEAR" and width > 1:
            return centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2
        return centre - width / 2, centre + width / 2
    return _lut_range(dataset)


def lookup_table(dataset: Any, keyword: str) -> tuple[np.ndarray, int, int] | None:
    """Return (entries, first input value, bits of an entry) of the first LUT, None if absent.

    Entries are unsigned 16-bit values (DICOM PS3.3 C.11.1.1).

    Raises
    ------
    ValueError: a descriptor or data that do not fit together.
    """
    items = _value(dataset, keyword)
    if not items:
        return None
    item = items[0]
    size, first, bits = (int(each) for each in item.LUTDescriptor)
    size = size % 2**16 or 2**16
    data = item.LUTData
    if isinstance(data, bytes):
        order = "<" if dataset.original_encoding[1] else ">"
        # Some writers pack entries of up to 8 bit into single bytes.
        entries = np.frombuffer(data, np.uint8 if len(data) in (size, size + size % 2) else f"{order}u2")
    else:
        entries = np.asarray(data, np.int64).reshape(-1)
    if not 1 <= bits <= 16 or len(entries) < size:
        raise ValueError("expected a table of at most 16 bit, as long as its descriptor says")
    table = entries[:size].astype(np.uint16)
    if int(table.max()) >> bits:
        raise ValueError("expected entries within the depth of the descriptor")
    return table, first, bits


def _lut_range(dataset: Any) -> tuple[float, float] | None:
    try:
        found = lookup_table(dataset, "VOILUTSequence")
    except (TypeError, ValueError, AttributeError, ImageRefusedError):
        return None
    if found is None:
        return None
    table, first, _ = found
    low, high = np.flatnonzero(table == table.min())[-1], np.flatnonzero(table == table.max())[0]
    return (float(first + low), float(first + high)) if low < high else None


def _value(dataset: Any, keyword: str) -> Any:
    """Return a value or None; an unreadable one is a refusal where the attribute is needed, else None."""
    try:
        value = dataset.get(keyword)
    except MemoryError:
        raise
    except Exception as error:
        if keyword in DICOM_TAGS:
            raise ImageRefusedError(Reason.INVALID_TAG, keyword) from error
        return None
    return None if value is None or (hasattr(value, "__len__") and len(value) == 0) else value
