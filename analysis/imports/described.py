"""What a pickled table may speak of, and what is kept of it: plain arrays, texts and places.

Nothing of pandas runs here: the constructors that a frame's pickle names are recorded, not called.
"""

import math
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from analysis.imports.errors import PredictionsError

ALLOWED: dict[tuple[str, str], str] = {
    ("numpy", "ndarray"): "class",
    ("numpy", "dtype"): "dtype",
    ("numpy.core.multiarray", "_reconstruct"): "array",
    ("numpy._core.multiarray", "_reconstruct"): "array",
    ("numpy.core.numeric", "_frombuffer"): "buffer",
    ("numpy._core.numeric", "_frombuffer"): "buffer",
    ("builtins", "slice"): "slice",
    ("pandas.core.frame", "DataFrame"): "frame",
    ("pandas", "DataFrame"): "frame",
    ("pandas.core.internals.managers", "BlockManager"): "manager",
    ("pandas._libs.internals", "_unpickle_block"): "block",
    ("pandas.core.indexes.base", "_new_Index"): "index",
    ("pandas.core.indexes.base", "Index"): "class",
    ("pandas", "Index"): "class",
    ("pandas.core.indexes.numeric", "Int64Index"): "class",
    ("pandas.core.indexes.range", "RangeIndex"): "class",
    ("pandas", "RangeIndex"): "class",
    ("pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked"): "texts",
    ("pandas.arrays", "StringArray"): "class",
    ("pandas", "StringDtype"): "text type",
}
"""Every global that a file may name (pandas 1.3 to 3, numpy 1 and 2) and what it stands for here."""

NUMBERS = ("f2", "f4", "f8", "i4", "i8")
TEXT = "O8"
LONGEST = 10**8
"""The most values along one axis of an array."""


@dataclass(frozen=True)
class Name:
    """A global of the list."""

    module: str
    name: str
    role: str


@dataclass
class Dtype:
    """A type of array: two characters and, once its state is known, a byte order."""

    code: str
    order: str = "<"


@dataclass
class Array:
    """An array of numbers (`numbers`, one or two axes) or a vector of texts; both None until its state is known."""

    numbers: NDArray[Any] | None = None
    texts: list[str] | None = None


@dataclass
class Texts:
    """A column of texts as pandas 3 stores it."""

    array: Array = field(default_factory=Array)


@dataclass(frozen=True)
class TextType:
    """pandas' type of such a column."""


@dataclass(frozen=True)
class Block:
    """Columns of one type: values (columns x rows) and their places among the columns."""

    values: Any
    places: Any


@dataclass(frozen=True)
class Manager:
    """The blocks of a frame and its two axes: columns, rows."""

    blocks: Any
    axes: Any


@dataclass(frozen=True)
class Index:
    """An axis: what its constructor was given."""

    given: dict[str, Any]


@dataclass
class Frame:
    """A frame; `manager` is None until its state is known."""

    manager: Manager | None = field(default=None, init=False)


def find(module: str, name: str) -> Name:
    """Describe a global of the list; refuse any other by its name."""
    role = ALLOWED.get((module, name))
    if role is None:
        refuse(
            f"the file asks for {module[:80]}.{name[:80]}, which is not part of a table of scores and is never "
            f"loaded; only pickled pandas frames and numpy arrays of numbers with one text column are read"
        )
    return Name(module, name, role)


def call(function: Any, arguments: tuple[Any, ...]) -> Any:
    """Describe what a constructor of the list would make."""
    make = _MAKERS.get(function.role) if isinstance(function, Name) else None
    if make is None:
        refuse(f"the file calls {_called(function)}, which no table needs")
    try:
        return make(*arguments)
    except TypeError:
        refuse(f"the file calls {_called(function)} with {len(arguments)} unexpected arguments")


def build(target: Any, state: Any) -> None:
    """Give a described object its state, once."""
    if isinstance(target, Dtype) and _fits(state, 8):
        _set_dtype(target, state)
    elif isinstance(target, Array) and _fits(state, 5) and target.numbers is None and target.texts is None:
        _set_array(target, state)
    elif isinstance(target, Texts) and _fits(state, 2) and isinstance(state[1], Array):
        target.array = state[1]
    elif isinstance(target, Frame) and isinstance(state, dict) and isinstance(state.get("_mgr"), Manager):
        target.manager = state["_mgr"]
    else:
        refuse(f"expected the state of an array or a frame in the pickle, got one of {type(target).__name__}")


def refuse(message: str) -> NoReturn:
    """Raise the error of an import."""
    raise PredictionsError(message)


def _called(function: Any) -> str:
    named = isinstance(function, Name)
    return f"{function.module}.{function.name}" if named else f"a value ({type(function).__name__})"


def _fits(state: Any, count: int) -> bool:
    return type(state) is tuple and len(state) >= count


def _dtype(code: Any, align: Any = False, copy: Any = True) -> Dtype:
    if type(code) is not str or code not in (*NUMBERS, TEXT):
        refuse(f"expected an array of {', '.join(NUMBERS)} or text, got {_short(code)}")
    return Dtype(code)


def _short(value: Any) -> str:
    return repr(value[:40]) if type(value) is str else type(value).__name__


def _set_dtype(target: Dtype, state: tuple[Any, ...]) -> None:
    order, parts = state[1], state[2:5]
    if type(order) is not str or order not in ("<", ">", "=", "|") or any(part is not None for part in parts):
        refuse("expected an array of plain numbers or text, got one with fields")
    target.order = order


def _set_array(target: Array, state: tuple[Any, ...]) -> None:
    shape, dtype, columns_first, raw = _shape(state[1]), state[2], state[3], state[4]
    if not isinstance(dtype, Dtype) or type(columns_first) is not bool:
        refuse("expected an array with its type and order in the pickle, got none")
    if dtype.code != TEXT:
        target.numbers = _numbers(raw, dtype, shape, "F" if columns_first else "C")
        return
    wanted = math.prod(shape)
    if type(raw) is not list or len(raw) != wanted or max(shape, default=0) != wanted:
        refuse("expected an object array that is one column of text, got something else")
    for value in raw:
        if type(value) is not str:
            refuse(f"expected only text in an object array, got a value of type {type(value).__name__}")
    # A copy: the file may still append to its own list.
    target.texts = list(raw)


def _buffer(raw: Any, dtype: Any, shape: Any, order: Any, axes: Any = None) -> Array:
    sizes = _shape(shape)
    if not isinstance(dtype, Dtype) or dtype.code == TEXT:
        refuse("expected an array of numbers in a buffer, got something else")
    if type(order) is str and order in ("C", "F"):
        return Array(_numbers(raw, dtype, sizes, order))
    turned = type(axes) is tuple and axes in ((0, 1), (1, 0)) and len(sizes) == 2
    if type(order) is not str or order != "K" or not turned:
        refuse("expected an array in C or Fortran order, got something else")
    return Array(_numbers(raw, dtype, sizes, "C").transpose(axes))


def _shape(shape: Any) -> tuple[int, ...]:
    good = (
        type(shape) is tuple
        and 1 <= len(shape) <= 2
        and all(type(n) is int and 0 <= n <= LONGEST for n in shape)
    )
    if not good:
        refuse("expected an array of one or two axes, got something else")
    sizes: tuple[int, ...] = shape
    return sizes


def _numbers(raw: Any, dtype: Dtype, shape: tuple[int, ...], order: Any) -> NDArray[Any]:
    if type(raw) is not bytes or len(raw) != math.prod(shape) * int(dtype.code[1]):
        refuse(f"expected an array's bytes to fill its shape {shape}, got another number of bytes")
    kind = np.dtype(dtype.order + dtype.code)
    return np.frombuffer(raw, kind).reshape(shape, order=order)


def _slice(start: Any, stop: Any, step: Any) -> slice:
    if not all(type(part) is int and 0 <= part < 10_000 for part in (start, stop, step)) or step == 0:
        refuse("expected a slice of column places in the pickle, got something else")
    return slice(start, stop, step)


def _index(kind: Any, given: Any) -> Index:
    if type(given) is not dict:
        refuse("expected an axis with its values in the pickle, got none")
    return Index(given)


_MAKERS: dict[str, Any] = {
    "dtype": _dtype,
    "array": lambda kind, shape, code: Array(),
    "buffer": _buffer,
    "slice": _slice,
    "frame": Frame,
    "manager": Manager,
    "block": lambda values, places, ndim: Block(values, places),
    "index": _index,
    "texts": lambda kind, checksum, state: Texts(),
    "text type": lambda storage=None, missing=None: TextType(),
}
