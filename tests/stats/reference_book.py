"""Compares every number of a reference file: each is either computed here too, or left out for a written reason."""

import fnmatch
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Path = tuple[str, ...]

# What names a row of a table printed by R or by the Java program; rows without one are numbered.
NAMES = (
    *("modalityID.1", "modalityID.2", "readerID.1", "readerID.2", "readerID", "test", "treatment", "reader"),
    *("Reader", "row", "grp", "type", "r1", "r2", "term"),
)


@dataclass(frozen=True)
class Mine:
    """A number computed here, with how close it must come (relative, absolute)."""

    value: float | None
    rel: float = 1e-9
    abs: float = 1e-11


@dataclass
class Tally:
    """What became of the numbers of one file."""

    compared: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        reasons = "".join(f"\n  {n:5d} not compared: {why}" for why, n in self.left_out.most_common())
        return f"{self.compared} numbers equal{reasons}"


def numbers(node: Any, at: Path = ()) -> Iterator[tuple[Path, float]]:
    """Walk to every finite number of a JSON document; "NA", names and truth values are none."""
    if isinstance(node, dict):
        for key, inside in node.items():
            yield from numbers(inside, (*at, key))
    elif isinstance(node, list):
        for position, inside in enumerate(node):
            yield from numbers(inside, (*at, label(inside, position)))
    elif isinstance(node, (int, float)) and not isinstance(node, bool) and math.isfinite(node):
        yield at, float(node)


def label(row: Any, position: int) -> str:
    if not isinstance(row, dict):
        return str(position)
    named = {name: str(row[name]) for name in NAMES if name in row}
    for name in ("modalityID", "readerID"):  # a row about one, not about the difference of two
        if named.get(f"{name}.1") == named.get(f"{name}.2"):
            named.pop(f"{name}.2", None)
    if named.get("row", "").isdigit():  # R numbers the rows of a table there where it does not name them
        del named["row"]
    return "|".join(named.values()) or str(position)


def compare(document: Any, mine: Mapping[Path, Mine], left_out: Mapping[str, str]) -> Tally:
    """Compare all numbers of a document.

    Parameters
    ----------
    document: what another program printed.
    mine: our numbers at the same places.
    left_out: pattern of places joined by "/" -> why there is no number of ours; a place in `mine` whose value
        is None (not estimable here) must be named too.
    """
    tally = Tally()
    for place, wanted in numbers(document):
        name = "/".join(place)
        got = mine.get(place)
        if got is not None and got.value is not None:
            if math.isclose(got.value, wanted, rel_tol=got.rel, abs_tol=got.abs):
                tally.compared += 1
            else:
                tally.wrong.append(f"{name}: {got.value!r}, expected {wanted!r}")
            continue
        reasons = [why for pattern, why in left_out.items() if fnmatch.fnmatchcase(name, pattern)]
        if reasons:
            tally.left_out[reasons[0]] += 1
        else:
            tally.unexplained.append(name)
    return tally


def hold(tally: Tally, *, at_least: int) -> None:
    print(tally)
    assert tally.wrong == [], "\n".join(tally.wrong)
    assert tally.unexplained == [], "\n".join(tally.unexplained)
    assert tally.compared >= at_least
