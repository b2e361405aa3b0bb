"""An interpreter for a part of the pickle language that can call nothing.

A pickle is a program. Python's own reader runs it; this one knows the instructions that a stored table needs,
keeps plain values on a stack, and hands names, calls and states to a `World` that only describes them. What
a file can make it do is bounded by the file's size and by a number of instructions: no value is hashed,
compared, printed or walked through, so nested values cost nothing more than their bytes.
"""

import pickletools
import struct
from collections.abc import Callable
from typing import Any, NoReturn, Protocol

from analysis.imports.errors import PredictionsError

PROTOCOL = 5
"""The newest pickle protocol that is read."""

_NAMES = {ord(op.code): op.name for op in pickletools.opcodes}


class World(Protocol):
    """What a file may speak of."""

    def find(self, module: str, name: str) -> Any:
        """Describe a global, or refuse it."""

    def call(self, function: Any, arguments: tuple[Any, ...]) -> Any:
        """Describe what a call would make, or refuse it."""

    def build(self, target: Any, state: Any) -> None:
        """Give a described object its state, or refuse it."""


def interpret(content: bytes, world: World, *, steps: int) -> Any:
    """Read one pickle and return what stands on the stack at its end.

    Parameters
    ----------
    content: the whole file.
    world: describes globals, calls and states.
    steps: the most instructions that are followed.

    Raises
    ------
    PredictionsError: a truncated file, an instruction that no table needs, too many of them, or what `world`
        refuses.
    """
    return _Machine(content, world).run(steps)


class _Machine:
    def __init__(self, content: bytes, world: World) -> None:
        self.content, self.world = content, world
        self.at = 0
        self.stack: list[Any] = []
        self.marked: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def run(self, steps: int) -> Any:
        for _ in range(steps):
            code = self.byte()
            if code == ord("."):
                return self.pop()
            step = _STEPS.get(code)
            if step is None:
                _refuse(
                    f"the file holds the pickle instruction {_NAMES.get(code, hex(code))}, which no table needs"
                )
            step(self)
        _refuse(f"expected at most {steps} pickle instructions for a table of this size, got more")

    def take(self, count: int) -> bytes:
        end = self.at + count
        if count < 0 or end > len(self.content):
            _refuse("expected a whole pickle, got a truncated one")
        piece = self.content[self.at : end]
        self.at = end
        return piece

    def byte(self) -> int:
        return self.take(1)[0]

    def number(self, form: str) -> Any:
        (value,) = struct.unpack(form, self.take(struct.calcsize(form)))
        return value

    def text(self, count: int) -> str:
        try:
            return self.take(count).decode()
        except UnicodeDecodeError:
            _refuse("expected text in UTF-8 inside the pickle, got other bytes")

    def line(self) -> str:
        end = self.content.find(b"\n", self.at, self.at + 300)
        line = self.text(end - self.at)
        self.at += 1
        return line

    def pop(self) -> Any:
        if not self.stack:
            _refuse("expected a value on the pickle's stack, got none")
        return self.stack.pop()

    def pops(self, count: int) -> tuple[Any, ...]:
        return tuple(self.pop() for _ in range(count))[::-1]

    def since_mark(self) -> list[Any]:
        if not self.marked:
            _refuse("expected a mark on the pickle's stack, got none")
        items, self.stack = self.stack, self.marked.pop()
        return items

    def mark(self) -> None:
        self.marked.append(self.stack)
        self.stack = []

    def protocol(self) -> None:
        if (came := self.byte()) > PROTOCOL:
            _refuse(f"expected pickle protocol {PROTOCOL} or older, got {came}")

    def frame(self) -> None:
        # How the writer cut the file into pieces says nothing about its content.
        self.take(8)

    def close_tuple(self) -> None:
        items = tuple(self.since_mark())
        self.stack.append(items)

    def put(self, place: int) -> None:
        value = self.pop()
        self.stack.append(value)
        self.memo[place] = value

    def get(self, place: int) -> None:
        if place not in self.memo:
            _refuse("expected a stored value in the pickle, got none")
        self.stack.append(self.memo[place])

    def append(self, items: list[Any]) -> None:
        target = self.pop()
        if type(target) is not list:
            _refuse("expected a list to append to in the pickle, got something else")
        target.extend(items)
        self.stack.append(target)

    def set_items(self, items: list[Any]) -> None:
        target = self.pop()
        keys = items[::2]
        if type(target) is not dict or len(items) % 2 or any(type(key) is not str for key in keys):
            _refuse("expected a dictionary with text keys in the pickle, got something else")
        target.update(zip(keys, items[1::2], strict=True))
        self.stack.append(target)

    def find(self, module: Any, name: Any) -> None:
        if type(module) is not str or type(name) is not str:
            _refuse("expected a name in two texts in the pickle, got something else")
        self.stack.append(self.world.find(module, name))

    def reduce(self) -> None:
        function, arguments = self.pops(2)
        if type(arguments) is not tuple:
            _refuse("expected a tuple of arguments in the pickle, got something else")
        self.stack.append(self.world.call(function, arguments))

    def build(self) -> None:
        target, state = self.pops(2)
        self.world.build(target, state)
        self.stack.append(target)


def _refuse(message: str) -> NoReturn:
    raise PredictionsError(message)


def _tuple(count: int) -> Callable[[_Machine], None]:
    return lambda m: m.stack.append(m.pops(count))


def _value(read: Callable[[_Machine], Any]) -> Callable[[_Machine], None]:
    return lambda m: m.stack.append(read(m))


_STEPS: dict[int, Callable[[_Machine], None]] = {
    0x80: _Machine.protocol,
    0x95: _Machine.frame,
    ord("("): _Machine.mark,
    ord(")"): _value(lambda m: ()),
    ord("t"): _Machine.close_tuple,
    0x85: _tuple(1),
    0x86: _tuple(2),
    0x87: _tuple(3),
    ord("]"): _value(lambda m: []),
    ord("a"): lambda m: m.append([m.pop()]),
    ord("e"): lambda m: m.append(m.since_mark()),
    ord("}"): _value(lambda m: {}),
    ord("s"): lambda m: m.set_items(list(m.pops(2))),
    ord("u"): lambda m: m.set_items(m.since_mark()),
    ord("N"): _value(lambda m: None),
    0x88: _value(lambda m: True),
    0x89: _value(lambda m: False),
    ord("J"): _value(lambda m: m.number("<i")),
    ord("K"): _value(lambda m: m.byte()),
    ord("M"): _value(lambda m: m.number("<H")),
    0x8A: _value(lambda m: int.from_bytes(m.take(m.byte()), "little", signed=True)),
    ord("G"): _value(lambda m: m.number(">d")),
    ord("X"): _value(lambda m: m.text(m.number("<I"))),
    0x8C: _value(lambda m: m.text(m.byte())),
    0x8D: _value(lambda m: m.text(m.number("<Q"))),
    ord("B"): _value(lambda m: m.take(m.number("<I"))),
    ord("C"): _value(lambda m: m.take(m.byte())),
    0x8E: _value(lambda m: m.take(m.number("<Q"))),
    0x96: _value(lambda m: m.take(m.number("<Q"))),
    0x94: lambda m: m.put(len(m.memo)),
    ord("q"): lambda m: m.put(m.byte()),
    ord("r"): lambda m: m.put(m.number("<I")),
    ord("h"): lambda m: m.get(m.byte()),
    ord("j"): lambda m: m.get(m.number("<I")),
    ord("c"): lambda m: m.find(m.line(), m.line()),
    0x93: lambda m: m.find(*m.pops(2)),
    ord("R"): _Machine.reduce,
    0x81: _Machine.reduce,
    ord("b"): _Machine.build,
}
"""The instructions that are followed, by code; NEWOBJ is a call like REDUCE, as nothing is called."""
