"""Write pickles as pandas 1.5 with numpy 1 wrote them, instruction by instruction: those libraries cannot be
installed beside today's. Also used to write what no library would.
"""

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Global:
    """A name that the pickle asks for."""

    module: str
    name: str


@dataclass(frozen=True)
class Call:
    """A call, by REDUCE or NEWOBJ, and the state given to what it made."""

    function: Any
    arguments: tuple[Any, ...]
    state: Any = None
    new: bool = False


def pickled(value: Any, protocol: int = 5) -> bytes:
    """Write one value as a pickle."""
    body = _body(value) + b"."
    return b"\x80" + bytes([protocol]) + b"\x95" + struct.pack("<Q", len(body)) + body


def _body(value: Any) -> bytes:
    if isinstance(value, Global):
        return _body(value.module) + _body(value.name) + b"\x93\x94"
    if isinstance(value, Call):
        made = _body(value.function) + _body(value.arguments) + (b"\x81\x94" if value.new else b"R\x94")
        return made if value.state is None else made + _body(value.state) + b"b"
    return _plain(value)


def _plain(value: Any) -> bytes:
    if value is None:
        return b"N"
    if isinstance(value, bool):
        return b"\x88" if value else b"\x89"
    if isinstance(value, int):
        return b"K" + bytes([value]) if 0 <= value < 256 else b"J" + struct.pack("<i", value)
    if isinstance(value, float):
        return b"G" + struct.pack(">d", value)
    if isinstance(value, str):
        data = value.encode()
        short = len(data) < 256
        return (
            (b"\x8c" + bytes([len(data)]) if short else b"X" + struct.pack("<I", len(data))) + data + b"\x94"
        )
    if isinstance(value, bytearray):
        return b"\x96" + struct.pack("<Q", len(value)) + value + b"\x94"
    if isinstance(value, bytes):
        return b"B" + struct.pack("<I", len(value)) + value + b"\x94"
    return _container(value)


def _container(value: Any) -> bytes:
    if isinstance(value, tuple):
        items = b"".join(map(_body, value))
        sizes = {0: b")", 1: b"\x85\x94", 2: b"\x86\x94", 3: b"\x87\x94"}
        return items + sizes[len(value)] if len(value) < 4 else b"(" + items + b"t\x94"
    if isinstance(value, list):
        return b"]\x94(" + b"".join(map(_body, value)) + b"e"
    return b"}\x94(" + b"".join(_body(key) + _body(item) for key, item in value.items()) + b"u"


RECONSTRUCT = Global("numpy.core.multiarray", "_reconstruct")
FROMBUFFER = Global("numpy.core.numeric", "_frombuffer")
BLOCK = Global("pandas._libs.internals", "_unpickle_block")
NEW_INDEX = Global("pandas.core.indexes.base", "_new_Index")
FRAME = Global("pandas.core.frame", "DataFrame")
FLAGS = {"allows_duplicate_labels": True}


def dtype(code: str) -> Call:
    """Write a type of array."""
    order, flags = ("|", 63) if code == "O8" else ("<", 0)
    return Call(Global("numpy", "dtype"), (code, False, True), (3, order, None, None, None, -1, -1, flags))


def objects(shape: tuple[int, ...], values: list[Any], code: str = "O8") -> Call:
    """Write an array of objects."""
    return Call(RECONSTRUCT, (Global("numpy", "ndarray"), (0,), b"b"), (1, shape, dtype(code), False, values))


def numbers(array: np.ndarray) -> Call:
    """Write a contiguous array of numbers: out of its buffer, as protocol 5 does."""
    order = "C" if array.flags.c_contiguous else "F"
    code = array.dtype.str[1:]
    return Call(FROMBUFFER, (bytearray(array.tobytes(order)), dtype(code), array.shape, order))


def copied_numbers(array: np.ndarray) -> Call:
    """Write an array of numbers as older protocols and views do."""
    state = (1, array.shape, dtype(array.dtype.str[1:]), False, array.tobytes("C"))
    return Call(RECONSTRUCT, (Global("numpy", "ndarray"), (0,), b"b"), state)


def places(start: int, stop: int) -> Call:
    """Write the places of a block's columns."""
    return Call(Global("builtins", "slice"), (start, stop, 1))


def rows(count: int) -> Call:
    """Write the axis 0, 1, 2 ... of a frame."""
    given = {"name": None, "start": 0, "stop": count, "step": 1}
    return Call(NEW_INDEX, (Global("pandas.core.indexes.range", "RangeIndex"), given))


def numbered_rows(count: int) -> Call:
    """Write an axis of numbers of a class that today's pandas no longer has."""
    given = {"data": numbers(np.arange(count)), "name": None}
    return Call(NEW_INDEX, (Global("pandas.core.indexes.numeric", "Int64Index"), given))


def columns(names: list[str]) -> Call:
    """Write the names of a frame's columns."""
    given = {"data": objects((len(names),), list(names)), "name": None}
    return Call(NEW_INDEX, (Global("pandas.core.indexes.base", "Index"), given))


def frame(names: list[str], scores: np.ndarray, labels: list[Any], axis: Call | None = None) -> Call:
    """Write the published frame: one block of scores (columns x rows), one of label texts."""
    wide = len(names)
    blocks = (
        Call(BLOCK, (numbers(scores.T), places(0, wide), 2)),
        Call(BLOCK, (objects((1, len(labels)), labels), places(wide, wide + 1), 2)),
    )
    return frame_of(blocks, [columns([*names, "label"]), axis or rows(len(labels))])


def frame_of(blocks: tuple[Any, ...], axes: list[Any]) -> Call:
    """Write a frame of these blocks and axes."""
    manager = Call(Global("pandas.core.internals.managers", "BlockManager"), (blocks, axes))
    state = {"_mgr": manager, "_typ": "dataframe", "_metadata": [], "attrs": {}, "_flags": dict(FLAGS)}
    return Call(FRAME, (), state, new=True)
