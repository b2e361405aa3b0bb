"""A protocol as a TOML file, to keep, to compare and to hand on. Format 1."""

import json
import tomllib
from dataclasses import asdict
from typing import Any

import tomli_w

from readerstudy.study.protocol import Protocol, ProtocolError
from readerstudy.study.protocol.questions import Question

FORMAT = 1
LARGEST = 1_000_000
"""Bytes of a file that is read."""


IDLE = (
    "reading_blocks", "anchor_cases", "repeat_gap_cases", "repeat_gap_hours", "session_hours", "practice",
)  # fmt: skip
"""Fields of a protocol that say something beside others only."""
SAID = ("key", "text", "kind", "required", "allow_cannot_assess")
"""Fields that are written of every question."""


def as_toml(title: str, protocol: Protocol) -> str:
    """Return the file: format, title, then what the protocol uses.

    A field that speaks of some designs or kinds of question only is left out while it has its default; another value
    is written, so that reading the file gives the same protocol.
    """
    plain, usual = protocol.as_json(), Protocol().as_json()
    plain["questions"] = [_short(question) for question in plain["questions"]]
    plain = {name: value for name, value in plain.items() if name not in IDLE or value != usual[name]}
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
    except (ValueError, RecursionError) as error:
        # Also what is no UTF-8, and a number of thousands of digits.
        raise ProtocolError(f"the protocol file cannot be read as TOML: {error}") from error
    if plain.pop("format", None) != FORMAT:
        raise ProtocolError(f"expected a protocol file with format = {FORMAT}")
    title = plain.pop("title", "")
    if not isinstance(title, str):
        raise ProtocolError("title: expected a text")
    return title, Protocol.from_json(plain)


def _short(question: dict[str, Any]) -> dict[str, Any]:
    """Leave out what TOML has no word for (null), and defaults."""
    usual = json.loads(json.dumps(asdict(Question("", "", "text"))))
    return {name: value for name, value in question.items() if name in SAID or value != usual[name]}
