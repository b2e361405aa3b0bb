"""A protocol as a TOML file, to keep, to compare and to hand on. Format 1."""

import tomllib
from typing import Any

import tomli_w

from readerstudy.study.protocol import Protocol, ProtocolError

FORMAT = 1
LARGEST = 1_000_000
"""Bytes of a file that is read."""


def as_toml(title: str, protocol: Protocol) -> str:
    """Return the file: format, title, then the protocol; what is empty in a question is left out."""
    plain = protocol.as_json()
    plain["questions"] = [_short(question) for question in plain["questions"]]
    if not plain["practice"]:
        plain.pop("practice")
    return tomli_w.dumps({"format": FORMAT, "title": title, **plain}, multiline_strings=True)


def from_toml(content: bytes) -> tuple[str, Protocol]:
    """Read title and protocol; a field that is left out has its default.

    Raises
    ------
    ProtocolError: no TOML, another format, an unknown field, or a protocol that does not hold.
    """
    if len(content) > LARGEST:
        raise ProtocolError(f"expected a file of at most {LARGEST} bytes, {len(content)} came")
    try:
        plain: dict[str, Any] = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(f"the protocol file cannot be read as TOML: {error}") from error
    if plain.pop("format", None) != FORMAT:
        raise ProtocolError(f"expected a protocol file with format = {FORMAT}")
    title = plain.pop("title", "")
    if not isinstance(title, str):
        raise ProtocolError("title: expected a text")
    return title, Protocol.from_json(plain)


def _short(question: dict[str, Any]) -> dict[str, Any]:
    """Leave out what TOML has no word for (null) and what is empty."""
    return {name: value for name, value in question.items() if value not in (None, "", [])}
