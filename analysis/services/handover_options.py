"""How the options of asked.toml are applied before a case set is written, by commands and pages alike."""

from collections.abc import Mapping
from dataclasses import astuple
from typing import Any

from analysis.caseset import CaseSet, CaseSetError
from analysis.endpoints import GROUPS, Groups
from analysis.selection import Nearest, SelectionSpec

DEFAULTS = SelectionSpec()

GROUPS_METAVAR = ("ONE", "ONES", "OTHER", "OTHERS")
GROUPS_DEFAULT = astuple(GROUPS)
GROUPS_HELP = (
    "what one case and several cases of the first group are called, then of the second, as in: "
    "PIE PIEs control controls"
)


def nearest_of(text: str) -> Nearest:
    """Read NAME, NAME=WEIGHT or NAME=WEIGHT:CALIPER; raise ValueError for anything else."""
    name, _, rest = text.partition("=")
    weight, _, caliper = rest.partition(":")
    return Nearest(name, float(weight or 1), float(caliper) if caliper else None)


def spec_of(options: Mapping[str, Any], seed: int) -> SelectionSpec:
    """Return the selection that was chosen.

    Raises
    ------
    SelectionError: choices that do not go together.
    """
    same = ("criterion", "condition", "reference", "fraction", "size", "draw", "controls", "ratio", "caliper")
    return SelectionSpec(
        **{name: options[name] for name in same}, seed=seed, exact=tuple(options["exact"]),
        nearest=tuple(options["nearest"]), distinct_patients=not options["same_patient_allowed"],
        views=tuple(options.get("views") or ()),
    )  # fmt: skip


def whole_terms(text: str, options: dict[str, Any]) -> dict[str, str]:
    """Return the terms of use with what belongs to them, taken out of the options; none without a text."""
    more = {name: options.pop(name) for name in ("credential", "ethics")}
    if not text.strip() and any(more.values()):
        raise CaseSetError(
            "expected terms of use with credential or ethics; write them, or leave these blank"
        )
    return {"text": text, **more} if text.strip() else {}


def read_terms(options: dict[str, Any]) -> dict[str, str]:
    """Return the terms of use that are given, or none.

    Raises
    ------
    CaseSetError: a file that cannot be read, or none with what belongs to one.
    """
    try:
        text = "" if options["terms"] is None else options["terms"].read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CaseSetError(f"{options['terms']}: expected a readable text in UTF-8 ({error})") from error
    return whole_terms(text, options)


def written_with(options: dict[str, Any]) -> dict[str, Any]:
    """Return what both commands hand to their service."""
    same = ("images", "out", "key_out", "shown", "block_size", "burned_in_checked")
    found = {name: options[name] for name in same}
    return {**found, "terms": read_terms(options), "groups": Groups(*options["groups"])}


def report_of(written: CaseSet) -> str:
    """Say what was written and where."""
    return (
        f"{written.folder}: {written.cases} cases in {written.blocks} block{'s' * (written.blocks != 1)}\n"
        f"{written.key}: the sealed key, SHA-256 {written.key_sha256}\n"
        f"{written.report}: balance, cases left out and leak report; keep it with the key"
    )
