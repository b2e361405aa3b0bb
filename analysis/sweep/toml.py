"""Read a specification from TOML or from its stored form, with errors that name the section and the key.

Own code: with pydantic 2.14 the same refusals in the same words saved about 20 of the 275 lines here and in `spec`, for
0.12 s more at each start and 10 MB more on hosts that only sweep.
"""

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, get_args, get_origin

from analysis.sweep import spec as sections
from analysis.sweep.data_spec import DataSpec
from analysis.sweep.errors import SpecError
from analysis.sweep.layouts import CLASS_SETS, find_layout

SECTIONS: Mapping[str, Any] = {part.name: part.type for part in fields(sections.SweepSpec)} | {
    "conditions": sections.ConditionSpec
}


def load_spec(path: Path | str) -> sections.SweepSpec:
    """Read SPEC.toml; relative paths in it start at its folder.

    Raises
    ------
    SpecError: no such file, no TOML, an unknown section or key, a wrong type, an impossible value.
    """
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SpecError(f"{path}: expected a TOML file there, got none") from None
    except OSError as error:
        raise SpecError(f"{path}: expected a TOML file to read, got the error '{error.strerror}'") from error
    except (ValueError, RecursionError) as error:  # syntax, encoding, a number too long, lists too deep
        raise SpecError(f"{path}: expected TOML, got the error '{error}'") from error
    return spec_from(content, base=Path(path).absolute().parent, where=str(path))


def spec_from(content: Mapping[str, Any], *, base: Path, where: str = "specification") -> sections.SweepSpec:
    """Make a specification from nested mappings; relative paths start at `base`.

    Raises
    ------
    SpecError: as `load_spec`.
    """
    _known(content, list(SECTIONS), where, "section")
    if "data" not in content:
        raise SpecError(f"{where}: expected a section [data] with name and images, got none")
    made: dict[str, Any] = {
        name: section_of(SECTIONS[name], content[name], base, f"{where}, [{name}]")
        for name in content
        if name != "conditions"
    }
    listed = content.get("conditions", [])
    if not isinstance(listed, list):
        raise SpecError(f"{where}: expected [[conditions]], each with a name, got {listed!r}")
    place = f"{where}, [conditions]"
    return sections.SweepSpec(
        **made,
        conditions=tuple(section_of(SECTIONS["conditions"], one, base, place) for one in listed),
    )


def section_of(kind: type, table: Any, base: Path, place: str) -> Any:
    """Make a frozen dataclass of a table of TOML; `place` for messages.

    Raises
    ------
    SpecError: no table, an unknown or missing key, a wrong type, an impossible value.
    """
    if not isinstance(table, Mapping):
        raise SpecError(f"{place}: expected a section of keys, got {table!r}")
    known = {f.name: f for f in fields(kind)}
    _known(table, list(known), place, "key")
    for field in known.values():
        if field.name not in table and field.default is MISSING and field.default_factory is MISSING:
            raise SpecError(f"{place}: expected the key {field.name}, got none")
    given = _class_set(table) if kind is DataSpec else table
    values = {
        key: _value(known[key], value, base, place) for key, value in given.items() if value is not None
    }
    try:
        return kind(**values)
    except SpecError as error:
        raise SpecError(f"{place} {error}") from None


def _class_set(table: Mapping[str, Any]) -> dict[str, Any]:
    """Put a named class set in place of its name, with the image column of its layout; a policy may be a bare word."""
    given = dict(table)
    named = find_layout(str(given.get("layout", "table"))).name
    chosen = given.get("classes", "nih-cxr-lt" if named == "table" else named)
    if isinstance(chosen, str):
        if chosen not in CLASS_SETS:
            raise SpecError(
                f"[data] classes: expected one of {', '.join(CLASS_SETS)} or a list, got {chosen!r}"
            )
        given["classes"] = list(CLASS_SETS[chosen].classes)
        given.setdefault("id_column", CLASS_SETS[named if named in CLASS_SETS else chosen].id_column)
    else:
        given.setdefault("id_column", find_layout(named).id_column)
    for name in ("uncertain", "blank"):
        if isinstance(given.get(name), str):
            given[name] = [given[name]]
    return given


def _known(table: Mapping[str, Any], names: list[str], where: str, what: str) -> None:
    for key in table:
        if key not in names:
            near = difflib.get_close_matches(key, names, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise SpecError(f"{where}: expected one of the {what}s {', '.join(names)}; got {key!r}{hint}")


def _value(field: Field[Any], value: Any, base: Path, place: str) -> Any:
    if field.name in ("checkpoints", "lists"):
        items = [value] if isinstance(value, str) else _typed(value, list, "a path or a list", field, place)
        return tuple(str(base / _typed(item, str, "a path", field, place)) for item in items)
    if field.type in (Path, Path | None):
        return base / _typed(value, str, "a path", field, place)
    if get_origin(field.type) is tuple:
        items = _typed(value, list, "a list", field, place)
        return tuple(_one(item, get_args(field.type)[0], field, place, many=True) for item in items)
    return _one(value, field.type, field, place)


_WANTED: Mapping[Any, tuple[str, str]] = {
    str: ("a text", "texts"),
    bool: ("true or false", ""),
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
}


def _one(value: Any, kind: Any, field: Field[Any], place: str, *, many: bool = False) -> Any:
    wanted = _WANTED[kind][many]
    found = _typed(value, (int, float) if kind is float else kind, wanted, field, place)
    try:
        return kind(found)
    except OverflowError:
        raise SpecError(f"{place} {field.name}: expected {wanted}, got one beyond 1e308") from None


def _typed(value: Any, kind: type | tuple[type, ...], wanted: str, field: Field[Any], place: str) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise SpecError(f"{place} {field.name}: expected {wanted}, got {value!r}")
    return value
