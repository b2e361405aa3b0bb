"""An interpreter for a part of the pickle language that can call nothing.

A pickle is a program. Python's own reader runs it; this one lets `pickletools` take its instructions apart, follows
those that a stored table needs, keeps plain values on a stack, and records each name, call and state as a `Thing`:
nothing of pandas or numpy runs. What a file can make it do is bounded by the file's size and by a number of
instructions: no value is hashed, compared, printed or walked through, so nested values cost nothing more than their
bytes.

Own code: the readers with a list of allowed names (Python's, and those for fitted models) still call what is on it.
"""

import pickletools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from analysis.imports.errors import PredictionsError

PROTOCOL = 5
"""The newest pickle protocol that is read."""

ALLOWED: Mapping[tuple[str, str], str] = {
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
    ("pandas", "NA"): "class",
    ("pandas.arrays", "ArrowStringArray"): "arrow texts",
    ("pyarrow.lib", "_restore_array"): "arrow array",
    ("pyarrow.lib", "type_for_alias"): "arrow type",
    ("pyarrow.lib", "py_buffer"): "arrow buffer",
    ("builtins", "bytearray"): "bytes",
}
"""Every global that a file may name (pandas 1.3 to 3, numpy 1 and 2) and what it stands for here."""


@dataclass
class Thing:
    """A global of the list, or what a call of it would make: then `given` is what it was called with.

    `state` is what the file gives to it afterwards, once; None before.
    """

    name: str
    role: str
    given: tuple[Any, ...] | None = None
    state: Any = None

    def is_made(self, role: str, *counts: int) -> bool:
        """Say whether it was made by a call of this role, with as many arguments as one of `counts`."""
        return self.role == role and self.given is not None and (not counts or len(self.given) in counts)


def refuse(message: str) -> NoReturn:
    """Raise the error of an import."""
    raise PredictionsError(message)


def interpret(content: bytes, *, steps: int) -> Any:
    """Read one pickle and return what is left on the stack.

    Parameters
    ----------
    content: the whole file.
    steps: the most instructions that are followed.

    Raises
    ------
    PredictionsError: a truncated file, an instruction that no table needs, too many of them, or a name or a call
        that is refused.
    """
    machine = _Machine()
    for done, (name, argument) in enumerate(_instructions(content)):
        if done >= steps:
            break
        if name == "STOP":
            return machine.pop()
        if name not in _STEPS:
            refuse(f"the file holds the pickle instruction {name}, which no table needs")
        _STEPS[name](machine, argument)
    refuse(f"expected at most {steps} pickle instructions for a table of this size, got more")


def _instructions(content: bytes) -> Iterator[tuple[str, Any]]:
    try:
        for code, argument, _ in pickletools.genops(content):
            yield code.name, argument
    except UnicodeDecodeError:
        _refuse_text()
    except (ValueError, Warning) as error:
        # A strange escape in a name is a warning, where warnings are errors.
        if strange := re.search(r"at position (\d+), opcode .* unknown", str(error)):
            refuse(
                f"the file holds the pickle instruction {hex(content[int(strange[1])])}, which no table needs"
            )
        refuse("expected a whole pickle, got a truncated one")


def _refuse_text() -> None:
    refuse("expected text in UTF-8 inside the pickle, got other bytes")


class _Machine:
    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marked: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        if not self.stack:
            refuse("expected a value on the pickle's stack, got none")
        return self.stack.pop()

    def pops(self, count: int) -> tuple[Any, ...]:
        return tuple(self.pop() for _ in range(count))[::-1]

    def since_mark(self) -> list[Any]:
        if not self.marked:
            refuse("expected a mark on the pickle's stack, got none")
        items, self.stack = self.stack, self.marked.pop()
        return items

    def mark(self) -> None:
        self.marked.append(self.stack)
        self.stack = []

    def text(self, value: str) -> None:
        try:
            value.encode()
        except UnicodeEncodeError:  # half a character
            _refuse_text()
        self.push(value)

    def put(self, place: int) -> None:
        value = self.pop()
        self.push(value)
        self.memo[place] = value

    def get(self, place: int) -> None:
        if place not in self.memo:
            refuse("expected a stored value in the pickle, got none")
        self.push(self.memo[place])

    def append(self, items: list[Any]) -> None:
        target = self.pop()
        if type(target) is not list:
            refuse("expected a list to append to in the pickle, got something else")
        target.extend(items)
        self.push(target)

    def set_items(self, items: list[Any]) -> None:
        target = self.pop()
        keys = items[::2]
        if type(target) is not dict or len(items) % 2 or any(type(key) is not str for key in keys):
            refuse("expected a dictionary with text keys in the pickle, got something else")
        target.update(zip(keys, items[1::2], strict=True))
        self.push(target)

    def find(self, module: Any, name: Any) -> None:
        if type(module) is not str or type(name) is not str:
            refuse("expected a name in two texts in the pickle, got something else")
        role = ALLOWED.get((module, name))
        if role is None:
            refuse(
                f"the file asks for {module[:80]}.{name[:80]}, which is not part of a table of scores and is never "
                f"loaded; only frames of pandas and arrays of numpy, of numbers and text, are read: save others as .csv"
            )
        self.push(Thing(f"{module}.{name}", role))

    def reduce(self) -> None:
        function, arguments = self.pops(2)
        if type(arguments) is not tuple:
            refuse("expected a tuple of arguments in the pickle, got something else")
        if not isinstance(function, Thing) or function.given is not None or function.role == "class":
            called = function.name if isinstance(function, Thing) else f"a value ({type(function).__name__})"
            refuse(f"the file calls {called}, which no table needs")
        self.push(Thing(function.name, function.role, arguments))

    def build(self) -> None:
        target, state = self.pops(2)
        if not isinstance(target, Thing) or target.given is None or target.state is not None:
            refuse(
                f"expected the state of an array or a frame in the pickle, got one of {type(target).__name__}"
            )
        target.state = state
        self.push(target)


def _protocol(machine: _Machine, came: int) -> None:
    if came > PROTOCOL:
        refuse(f"expected pickle protocol {PROTOCOL} or older, got {came}")


_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "PROTO": _protocol,
    "FRAME": lambda m, _: None,  # how the writer cut the file into pieces says nothing about its content
    "MARK": lambda m, _: m.mark(),
    "EMPTY_TUPLE": lambda m, _: m.push(()),
    "TUPLE": lambda m, _: m.push(tuple(m.since_mark())),
    "TUPLE1": lambda m, _: m.push(m.pops(1)),
    "TUPLE2": lambda m, _: m.push(m.pops(2)),
    "TUPLE3": lambda m, _: m.push(m.pops(3)),
    "EMPTY_LIST": lambda m, _: m.push([]),
    "APPEND": lambda m, _: m.append([m.pop()]),
    "APPENDS": lambda m, _: m.append(m.since_mark()),
    "EMPTY_DICT": lambda m, _: m.push({}),
    "SETITEM": lambda m, _: m.set_items(list(m.pops(2))),
    "SETITEMS": lambda m, _: m.set_items(m.since_mark()),
    "NONE": lambda m, _: m.push(None),
    "NEWTRUE": lambda m, _: m.push(True),
    "NEWFALSE": lambda m, _: m.push(False),
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"), _Machine.push),
    **dict.fromkeys(("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"), _Machine.text),
    **dict.fromkeys(("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"), _Machine.push),
    "BYTEARRAY8": lambda m, content: m.push(bytes(content)),
    "MEMOIZE": lambda m, _: m.put(len(m.memo)),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT"), _Machine.put),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), _Machine.get),
    "GLOBAL": lambda m, both: m.find(*both.split(" ", 1)),
    "STACK_GLOBAL": lambda m, _: m.find(*m.pops(2)),
    "REDUCE": lambda m, _: m.reduce(),
    "NEWOBJ": lambda m, _: m.reduce(),
    "BUILD": lambda m, _: m.build(),
}
"""The instructions that are followed; NEWOBJ is a call like REDUCE, as nothing is called."""
