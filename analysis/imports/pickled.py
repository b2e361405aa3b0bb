"""Read a pickled frame or array of scores without running anything that the file names."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.imports.machine import Thing, interpret, refuse

NUMBERS = ("f2", "f4", "f8", "i4", "i8")
TEXT = "O8"
LONGEST = 10**8
"""The most values along one axis of an array."""
LABEL = "label"
"""The text column that the published frames carry."""


@dataclass(frozen=True)
class Predictions:
    """What one file of predictions holds.

    Attributes
    ----------
    scores: floating, images x columns.
    columns: name of each column; None when the file names none.
    labels: the label text of each image; None when the file has none.
    images: the name of each image; None when the file names none.
    """

    scores: NDArray[np.floating[Any]]
    columns: tuple[str, ...] | None = None
    labels: list[str] | None = None
    images: list[str] | None = None


def read_pickle(content: bytes, *, images: int, id_column: str = "") -> Predictions:
    """Read a pickled pandas frame (columns of floats, texts that name labels and images) or numpy array of floats.

    Parameters
    ----------
    content: the whole file, as pandas 1.3 to 3 or numpy 1 to 2 write it.
    images: the expected number of rows; it bounds the work that a file can ask for.
    id_column: the text column that may name the images; else an index of texts does.

    Raises
    ------
    PredictionsError: anything else, named.
    """
    found = interpret(content, steps=10_000 + 8 * images)
    if _made(found, "frame") and isinstance(found.state, dict):
        return _from_frame(found.state.get("_mgr"), id_column)
    if _made(found, "array") or _made(found, "buffer"):
        return Predictions(_floats(_values(found)))
    refuse(f"expected a pandas frame or a numpy array of floats in the pickle, got {type(found).__name__}")


def _made(value: Any, role: str, *counts: int) -> bool:
    return isinstance(value, Thing) and value.is_made(role, *counts)


def _from_frame(manager: Any, id_column: str) -> Predictions:
    names, rows = _axes(manager)
    scores: dict[str, NDArray[Any]] = {}
    texts = {} if rows is None else {id_column: rows}
    for places, values in _blocks(manager.given[0], len(names)):
        found = [names[place] for place in places]
        if isinstance(values, list):
            if found[0] not in (LABEL, id_column):
                refuse(f"expected text in '{LABEL}' and the --id-column alone, got it in {found[0][:80]!r}")
            texts[found[0]] = values
        else:
            scores |= dict(zip(found, _floats(values), strict=True))
    absent = [name for name in names if name not in scores and name not in texts]
    if absent or not scores:
        refuse(f"expected values for each column of the frame, got none for {(absent or ['scores'])[0]!r}")
    columns = tuple(name for name in names if name in scores)
    if len({*map(len, scores.values()), *map(len, texts.values())}) > 1:
        refuse("expected columns of one length in the frame, got several")
    table = np.column_stack([scores[name] for name in columns])
    return Predictions(table, columns, texts.get(LABEL), texts.get(id_column))


def _axes(manager: Any) -> tuple[list[str], list[str] | None]:
    """Return the names of the columns, and those of the rows where they are texts."""
    axes = manager.given[1] if _made(manager, "manager", 2) else None
    if type(axes) is not list or len(axes) != 2 or not all(_made(axis, "index", 2) for axis in axes):
        refuse("expected a frame with two axes in the pickle, got something else")
    given = [axis.given[1] if type(axis.given[1]) is dict else {} for axis in axes]
    names, rows = (_values(each.get("data")) for each in given)
    if not isinstance(names, list):
        refuse("expected column names in text, got something else")
    if len(set(names)) != len(names):
        refuse("expected each column of the frame once, got one twice")
    return names, rows if isinstance(rows, list) else None


def _blocks(blocks: Any, width: int) -> Iterator[tuple[list[int], list[str] | NDArray[Any]]]:
    """Give the places and the values of each block: a list of texts, or numbers (columns x rows)."""
    if type(blocks) is not tuple:
        refuse("expected a tuple of blocks in the pickle, got something else")
    for block in blocks:
        if not _made(block, "block", 3):
            refuse("expected only blocks of columns in the frame, got something else")
        values, places = _values(block.given[0]), _places(block.given[1], width)
        wide = 1 if isinstance(values, list) else None
        if isinstance(values, np.ndarray) and values.ndim == 2:
            wide = len(values)
        if values is None or wide != len(places):
            refuse("expected blocks of numbers (columns x rows) or one text column, got something else")
        yield places, values


def _places(places: Any, width: int) -> list[int]:
    found = [-1]
    if _made(places, "slice", 3):
        start, stop, step = places.given
        if all(type(part) is int and 0 <= part < 10_000 for part in places.given) and step:
            found = list(range(start, stop, step))
    else:
        numbers = _values(places)
        if isinstance(numbers, np.ndarray) and numbers.dtype.kind == "i":
            found = [int(place) for place in numbers.ravel()[: width + 1]]
    if not all(0 <= place < width for place in found):
        refuse(f"expected the places of a frame's {width} columns, got different ones")
    return found


def _floats(values: list[str] | NDArray[Any] | None) -> NDArray[Any]:
    if not isinstance(values, np.ndarray) or values.ndim != 2 or values.dtype.kind != "f":
        got = f"{values.dtype} with {values.ndim} axes" if isinstance(values, np.ndarray) else "text"
        refuse(f"expected floats (images x classes), got {got}")
    return values


def _values(thing: Any) -> list[str] | NDArray[Any] | None:
    """Return the numbers of an array (one or two axes) or the texts of a column; None for anything else."""
    if _made(thing, "texts", 3):  # a column of texts as pandas 3 stores it
        return (
            _values(thing.state[1]) if _is_tuple(thing.state, 2) and _made(thing.state[1], "array") else None
        )
    if _made(thing, "arrow texts", 0) and type(thing.state) is dict:  # the same where pyarrow is installed
        return _arrow(thing.state.get("_pa_array"))
    if _made(thing, "array", 3) and _is_tuple(thing.state, 5):
        _, shape, dtype, columns_first, raw = thing.state[:5]
        code, order = _type(dtype)
        if type(columns_first) is not bool:
            refuse("expected an array with its type and order in the pickle, got none")
        return _texts(raw, shape) if code == TEXT else _numbers(raw, order + code, shape, "CF"[columns_first])
    if _made(thing, "buffer", 4, 5):
        raw, dtype, shape, order, *axes = thing.given
        return _buffered(raw, dtype, shape, order, axes[0] if axes else None)
    return None


def _buffered(raw: Any, dtype: Any, shape: Any, order: Any, axes: Any) -> NDArray[Any]:
    code, byte_order = _type(dtype)
    if code == TEXT:
        refuse("expected an array of numbers in a buffer, got something else")
    plain = type(order) is str and order in ("C", "F")
    turned = type(order) is str and order == "K" and type(axes) is tuple and axes in ((0, 1), (1, 0))
    if not plain and not (turned and len(_shape(shape)) == 2):
        refuse("expected an array in C or Fortran order, got something else")
    found = _numbers(raw, byte_order + code, shape, order if plain else "C")
    return found if plain else found.transpose(axes)


def _type(dtype: Any) -> tuple[str, str]:
    """Return the two characters of a type and its byte order."""
    if not _made(dtype, "dtype", 1, 2, 3):
        refuse("expected an array with its type and order in the pickle, got none")
    code = dtype.given[0]
    if type(code) is not str or code not in (*NUMBERS, TEXT):
        got = repr(code[:40]) if type(code) is str else type(code).__name__
        refuse(f"expected an array of {', '.join(NUMBERS)} or text, got {got}")
    state = dtype.state if _is_tuple(dtype.state, 8) else (3, "<")
    order, parts = state[1], state[2:5]
    if type(order) is not str or order not in ("<", ">", "=", "|") or any(part is not None for part in parts):
        refuse("expected an array of plain numbers or text, got one with fields")
    return code, order


def _shape(shape: Any) -> tuple[int, ...]:
    good = type(shape) is tuple and 1 <= len(shape) <= 2
    if not good or not all(type(n) is int and 0 <= n <= LONGEST for n in shape):
        refuse("expected an array of one or two axes, got something else")
    sizes: tuple[int, ...] = shape
    return sizes


def _numbers(raw: Any, kind: str, shape: Any, order: Any) -> NDArray[Any]:
    sizes = _shape(shape)
    if type(raw) is not bytes or len(raw) != math.prod(sizes) * int(kind[-1]):
        refuse(f"expected an array's bytes to fill its shape {sizes}, got another number of bytes")
    return np.frombuffer(raw, kind).reshape(sizes, order=order)


def _texts(raw: Any, shape: Any) -> list[str]:
    sizes = _shape(shape)
    if type(raw) is not list or len(raw) != math.prod(sizes) or max(sizes, default=0) != len(raw):
        refuse("expected an object array that is one column of text, got something else")
    for value in raw:
        if type(value) is not str:
            refuse(f"expected only text in an object array, got a value of type {type(value).__name__}")
    return raw


def _arrow(array: Any) -> list[str]:
    """Return the texts of an array of Arrow: a bit for each that is there, and its place in one run of UTF-8."""
    data: Any = array.given[0] if _made(array, "arrow array", 1) else None
    parts: Any = data[:5] if _is_tuple(data, 5) else (None,) * 5
    kind, length, _, start, buffers = parts
    name = kind.given[0] if _made(kind, "arrow type", 1) else None
    wide = {"string": 4, "large_string": 8}.get(name if type(name) is str else "")
    counts = all(type(number) is int and 0 <= number <= LONGEST for number in (length, start))
    if not wide or not counts or type(buffers) is not list or len(buffers) != 3:
        refuse("expected a column of text as pandas 3 writes it with pyarrow, got something else")
    there, places, text = (_raw(buffer) for buffer in buffers)
    bits = np.unpackbits(np.frombuffer(there or b"", np.uint8), bitorder="little")[start : start + length]
    if there is not None and (len(bits) < length or not bits.all()):
        refuse("expected text in every row of a text column, got a row without")
    places = places or b""
    ends = np.frombuffer(places[: len(places) // wide * wide], f"<i{wide}")[start : start + length + 1]
    text = text or b""
    if len(ends) <= length or ends[0] < 0 or (ends[1:] < ends[:-1]).any() or ends[-1] > len(text):
        refuse("expected the places of texts in their order within a text column, got others")
    try:
        return [text[first:last].decode() for first, last in itertools.pairwise(ends.tolist())]
    except UnicodeDecodeError:
        refuse("expected text in UTF-8 inside the pickle, got other bytes")


def _raw(buffer: Any) -> bytes | None:
    found = buffer
    for role in ("arrow buffer", "bytes"):
        found = found.given[0] if _made(found, role, 1) else found
    return found if type(found) is bytes else None


def _is_tuple(state: Any, count: int) -> bool:
    return type(state) is tuple and len(state) >= count
