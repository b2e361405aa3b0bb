"""The options of commands, and of pages that ask the same, as asked.toml defines them.

A value such as "analysis.selection:CRITERIA" stands for what that name means in code, so that no choice and no default
is written twice; in a help text it is put in braces.
"""

import re
import tomllib
from argparse import Action, ArgumentParser, _ActionsContainer
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

OPTIONS: dict[str, dict[str, dict[str, Any]]] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text("utf-8")
)
"""By command, or by what several commands share: flags to the words of `add_argument`."""

_NAME = r"[a-z_]\w*(?:\.\w+)*:\w[\w.]*"


def declare(parser: ArgumentParser, *names: str) -> list[Action]:
    """Let a parser take the options of commands or shared parts; of those with the same `either` exactly one is given.

    Raises
    ------
    KeyError: asked.toml has no such part.
    """
    made, groups = [], dict[str, _ActionsContainer]()
    for flags, told in ((flags, told) for name in names for flags, told in OPTIONS[name].items()):
        words = {key: _meant(key, value) for key, value in told.items() if key != "either"}
        place: _ActionsContainer = parser
        if either := told.get("either"):
            if either not in groups:
                groups[either] = parser.add_mutually_exclusive_group(required=True)
            place = groups[either]
        made.append(place.add_argument(*flags.split(), **words))
    return made


def _meant(key: str, value: Any) -> Any:
    if key == "help":
        return re.sub(rf"\{{({_NAME})\}}", lambda found: str(resolve_name(found[1])), value)
    if key == "type" and ":" not in value:
        return resolve_name(f"{'pathlib' if value == 'Path' else 'builtins'}:{value}")
    meant = resolve_name(value) if isinstance(value, str) and re.fullmatch(_NAME, value) else value
    # Choices that code has by name, as a help lists them.
    return sorted(meant) if isinstance(meant, dict) else meant
