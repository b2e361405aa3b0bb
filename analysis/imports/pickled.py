"""Read a pickled frame or array of scores without running anything that the file names."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.imports.described import Array, Block, Frame, Index, Manager, Texts, refuse
from analysis.imports.machine import interpret

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


def read_pickle(content: bytes, *, images: int) -> Predictions:
    """Read a pickled pandas frame (columns of floats and at most one text column) or numpy array of floats.

    Parameters
    ----------
    content: the whole file, as pandas 1.3 to 3 or numpy 1 to 2 write it.
    images: the expected number of rows; it bounds the work that a file can ask for.

    Raises
    ------
    PredictionsError: anything else, named.
    """
    found = interpret(content, steps=10_000 + 8 * images)
    if isinstance(found, Frame) and found.manager is not None:
        return _from_frame(found.manager)
    if isinstance(found, Array) and found.numbers is not None:
        return Predictions(_floats(found.numbers))
    refuse(f"expected a pandas frame or a numpy array of floats in the pickle, got {type(found).__name__}")


def _from_frame(manager: Manager) -> Predictions:
    names = _names(manager)
    scores: dict[str, NDArray[Any]] = {}
    labels: list[str] | None = None
    for places, values in _blocks(manager):
        found = [names[place] for place in places]
        if isinstance(values, list):
            if found != [LABEL]:
                refuse(f"expected one text column '{LABEL}', got {', '.join(map(repr, found))[:200]}")
            labels = values
        else:
            scores |= dict(zip(found, _floats(values), strict=True))
    absent = [name for name in names if name not in scores and (name != LABEL or labels is None)]
    if absent or not scores:
        refuse(f"expected values for each column of the frame, got none for {(absent or ['scores'])[0]!r}")
    columns = tuple(name for name in names if name in scores)
    lengths = {len(scores[name]) for name in columns} | ({len(labels)} if labels is not None else set())
    if len(lengths) > 1:
        refuse("expected columns of one length in the frame, got several")
    return Predictions(np.column_stack([scores[name] for name in columns]), columns, labels)


def _names(manager: Manager) -> list[str]:
    axes = manager.axes
    if type(axes) is not list or len(axes) != 2 or not isinstance(axes[0], Index):
        refuse("expected a frame with two axes in the pickle, got something else")
    names = _text(axes[0].given.get("data"))
    if names is None:
        refuse("expected column names in text, got something else")
    if len(set(names)) != len(names):
        refuse("expected each column of the frame once, got one twice")
    return names


def _text(values: Any) -> list[str] | None:
    array = values.array if isinstance(values, Texts) else values
    return array.texts if isinstance(array, Array) else None


def _blocks(manager: Manager) -> Iterator[tuple[list[int], list[str] | NDArray[Any]]]:
    """Give the places and the values of each block: a list of texts, or numbers (columns x rows)."""
    width = len(_names(manager))
    if type(manager.blocks) is not tuple:
        refuse("expected a tuple of blocks in the pickle, got something else")
    for block in manager.blocks:
        if not isinstance(block, Block):
            refuse("expected only blocks of columns in the frame, got something else")
        places = _places(block.places, width)
        texts = _text(block.values)
        numbers = block.values.numbers if isinstance(block.values, Array) else None
        if texts is not None and len(places) == 1:
            yield places, texts
        elif numbers is not None and numbers.ndim == 2 and len(numbers) == len(places):
            yield places, numbers
        else:
            refuse("expected blocks of numbers (columns x rows) or one text column, got something else")


def _places(places: Any, width: int) -> list[int]:
    if isinstance(places, slice):
        found = list(range(places.start, places.stop, places.step))
    elif isinstance(places, Array) and places.numbers is not None and places.numbers.dtype.kind == "i":
        found = [int(place) for place in places.numbers.ravel()[: width + 1]]
    else:
        found = [-1]
    if not all(0 <= place < width for place in found):
        refuse(f"expected the places of a frame's {width} columns, got different ones")
    return found


def _floats(numbers: NDArray[Any]) -> NDArray[Any]:
    if numbers.ndim != 2 or numbers.dtype.kind != "f":
        refuse(f"expected floats (images x classes), got {numbers.dtype} with {numbers.ndim} axes")
    return numbers
