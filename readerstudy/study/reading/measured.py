"""Check what a reader's browser measured and typed beside the answers: times, display, comment, keys."""

import re
from collections.abc import Mapping
from typing import Any

from readerstudy.study.protocol.questions import ProtocolError

COMMENT_LENGTH = 4_000
TIMES = ("painted_ms", "visible_ms", "hidden_ms", "idle_ms")
DISPLAY_NUMBERS = ("width", "height", "pixel_ratio", "image")
SEEN = ("dark_seen", "light_seen", "ramp_seen")
MOST_VISITS = 200
TOO_MANY = 1e12
"""No number that a browser measures is as large: in milliseconds 30 years."""
MOST_KEYS = 60
SMALLEST_WINDOW = (1024, 700)
"""Width and height of the window, in CSS pixels, below which a display check does not pass."""

_COMMAND = re.compile(r"[a-z0-9-]{1,30}")


def comment_of(comment: Any) -> str:
    """Return a comment without blanks around it."""
    if not isinstance(comment, str) or len(comment) > COMMENT_LENGTH:
        raise ProtocolError(f"comment: expected a text of at most {COMMENT_LENGTH} characters")
    return comment.strip()


def times_of(times: Any) -> dict[str, Any]:
    """Return the times of one reading in ms, and those of each visit where the browser tells them."""
    if not isinstance(times, Mapping):
        raise ProtocolError("times: expected named values")
    sums = _numbers({name: value for name, value in times.items() if name != "visits"}, TIMES, "times")
    if "visits" not in times:
        return dict(sums)
    visits = times["visits"]
    if not isinstance(visits, list) or len(visits) > MOST_VISITS:
        raise ProtocolError(f"times: expected a list of at most {MOST_VISITS} visits")
    return {**sums, "visits": [_numbers(visit, TIMES, "visits") for visit in visits]}


def display_of(display: Any) -> dict[str, Any]:
    """Return window size and longer side of the image (CSS pixels), device pixel ratio, name of the renderer."""
    if not isinstance(display, Mapping):
        raise ProtocolError("display: expected named values")
    renderer = display.get("renderer", "")
    if not isinstance(renderer, str) or len(renderer) > 200:
        raise ProtocolError("display: expected the renderer as a short text")
    numbers = {name: value for name, value in display.items() if name != "renderer"}
    return {**_numbers(numbers, DISPLAY_NUMBERS, "display"), "renderer": renderer}


def display_check_of(values: Any) -> dict[str, Any]:
    """Return what a display check found: the display, and whether each test patch was seen."""
    if not isinstance(values, Mapping) or not all(isinstance(values.get(name), bool) for name in SEEN):
        raise ProtocolError(f"display: expected {', '.join(SEEN)} as true or false")
    display = display_of({name: value for name, value in values.items() if name not in SEEN})
    if not {"width", "height"} <= set(display):
        raise ProtocolError("display: expected width and height of the window")
    return {**display, **{name: values[name] for name in SEEN}}


def display_is_fit(values: Mapping[str, Any]) -> bool:
    """Say whether every patch was seen and the window is large enough."""
    width, height = SMALLEST_WINDOW
    return all(values[name] for name in SEEN) and values["width"] >= width and values["height"] >= height


def keys_of(keys: Any) -> dict[str, str]:
    """Return a key map {command: key}."""
    if not isinstance(keys, Mapping) or len(keys) > MOST_KEYS:
        raise ProtocolError(f"keys: expected at most {MOST_KEYS} commands with their keys")
    for command, key in keys.items():
        if not _COMMAND.fullmatch(str(command)) or not isinstance(key, str) or not 1 <= len(key) <= 20:
            raise ProtocolError("keys: expected a command of small letters and a key of 1 to 20 characters")
    return dict(keys)


def _numbers(values: Any, names: tuple[str, ...], what: str) -> dict[str, float]:
    """Keep the named numbers, each finite and not negative; anything else a browser sends is refused."""
    if not isinstance(values, Mapping) or set(values) - set(names):
        raise ProtocolError(f"{what}: expected only {', '.join(names)}")
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < TOO_MANY:
            raise ProtocolError(f"{what}: expected {name} as a number from 0, got {value!r}")
    return {name: float(value) for name, value in values.items()}
