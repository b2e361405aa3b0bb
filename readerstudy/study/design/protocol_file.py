"""A protocol as a TOML file, to keep, to compare and to hand on. Format 1."""

import json
import tomllib
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import tomli_w

from readerstudy.study.design.question_form import FIELDS_OF
from readerstudy.study.protocol import Protocol, ProtocolError
from readerstudy.study.protocol.questions import Question

FORMAT = 1
LARGEST = 1_000_000
"""Bytes of a file that is read."""


IDLE: tuple[tuple[str, Callable[[Protocol], bool]], ...] = (
    ("reading_blocks", lambda protocol: protocol.design != "overlapping blocks"),
    ("anchor_cases", lambda protocol: protocol.design != "overlapping blocks"),
    ("repeat_gap_cases", lambda protocol: not protocol.repeat_fraction),
    ("repeat_gap_hours", lambda protocol: not protocol.repeat_fraction),
    ("session_hours", lambda protocol: not protocol.session_cases),
    ("practice", lambda protocol: not protocol.practice),
)
"""Fields of a protocol, and when they say nothing."""
OF_A_KIND = frozenset(name for names in FIELDS_OF.values() for name in names)
ALSO: dict[str, set[str]] = {"missing_labels": {"longest"}}
"""What speaks for a kind though its form does not ask for it: of an added label, how long it may be."""


def as_toml(title: str, protocol: Protocol) -> str:
    """Return the file: format, title, then what the protocol uses.

    A field that says nothing here (anchor cases without overlapping blocks, the shapes of a yes/no question) is left
    out while it has its default; another value stands, so that reading the file gives the same protocol.
    """
    plain, usual = protocol.as_json(), Protocol().as_json()
    plain["questions"] = [_short(question) for question in plain["questions"]]
    for name, idle in IDLE:
        if idle(protocol) and plain[name] == usual[name]:
            plain.pop(name)
    return tomli_w.dumps({"format": FORMAT, "title": title, **plain}, multiline_strings=True)


def from_toml(content: bytes) -> tuple[str, Protocol]:
    """Read title and protocol; a field that is left out has its default.

    Raises
    ------
    ProtocolError: no TOML, another format, an unknown field, or a protocol that does not hold.
    """
    if len(content) > LARGEST:
        raise ProtocolError(f"expected a file of at most {LARGEST} bytes, got {len(content)}")
    try:
        plain: dict[str, Any] = tomllib.loads(content.decode("utf-8"))
    except (
        ValueError,
        RecursionError,
    ) as error:  # also what is no UTF-8, and a number of thousands of digits
        raise ProtocolError(f"the protocol file cannot be read as TOML: {error}") from error
    if plain.pop("format", None) != FORMAT:
        raise ProtocolError(f"expected a protocol file with format = {FORMAT}")
    title = plain.pop("title", "")
    if not isinstance(title, str):
        raise ProtocolError("title: expected a text")
    return title, Protocol.from_json(plain)


def _short(question: dict[str, Any]) -> dict[str, Any]:
    """Leave out what TOML has no word for (null), what is empty, and defaults that do not speak for the kind."""
    kind = question["kind"]
    usual = json.loads(json.dumps(asdict(Question("", "", kind))))
    speaks = {*FIELDS_OF[kind], *ALSO.get(kind, ())}

    def idle(name: str, value: Any) -> bool:
        silent = value in ("", []) or (name in OF_A_KIND and name not in speaks)
        return value is None or (silent and value == usual[name])

    return {name: value for name, value in question.items() if not idle(name, value)}
