"""Recomputes results.json from ratings.csv and compares every value. Run it in the folder of an export:

    python recompute.py

It needs Python 3.11 or later with numpy, pandas and scipy (environment.txt names the versions that were used)
and nothing else: the code that computed the results is in code/. Simulated ratings stay marked as such.
"""

import json
import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
RELATIVE, ABSOLUTE = 1e-9, 1e-12
"""Two numbers closer than this are equal: another machine may add in another order."""

ITERATIVE, ITERATED = {"clmm", "logistic_mixed", "mixed_model_position", "position_ratio"}, 1e-3
"""Mixed models are fitted by iteration and numerical derivatives; another number of threads moves their last digits."""


def recompute(folder: Path) -> dict[str, Any]:
    """Return the results that the ratings of an export give, with the plan and seeds of its results.json."""
    from analysis.stats import analyse_with, read_planned, read_ratings, read_settings, read_subgroups

    groups = folder / "subgroups.csv"
    results = analyse_with(
        replace(read_settings(folder / "results.json"), partial=True),
        read_ratings(folder / "ratings.csv"),
        read_subgroups(groups) if groups.exists() else None,
        planned=read_planned(folder),
    )
    again: dict[str, Any] = json.loads(results.to_json())
    return again


def differences(stored: Any, again: Any, where: str = "results", relative: float = RELATIVE) -> list[str]:
    """Return a line for each value that differs."""
    if isinstance(stored, dict) and isinstance(again, dict):
        relative = ITERATED if stored.get("method") in ITERATIVE else relative
        names = dict.fromkeys([*stored, *again])
        inner = ((name, stored.get(name), again.get(name)) for name in names)
        return [
            line for name, one, two in inner for line in differences(one, two, f"{where}.{name}", relative)
        ]
    if isinstance(stored, list) and isinstance(again, list) and len(stored) == len(again):
        pairs = enumerate(zip(stored, again, strict=True))
        return [line for k, (one, two) in pairs for line in differences(one, two, f"{where}[{k}]", relative)]
    if isinstance(stored, float) and isinstance(again, float | int):
        same = math.isclose(stored, again, rel_tol=relative, abs_tol=ABSOLUTE)
    else:
        same = stored == again
    return [] if same else [f"{where}: {stored!r} is stored, {again!r} was computed"]


def count(value: Any) -> int:
    """Count the values in a nested result."""
    if isinstance(value, dict):
        return sum(count(inner) for inner in value.values())
    return sum(count(inner) for inner in value) if isinstance(value, list) else 1


def main(folder: Path = HERE) -> int:
    """Compare and print; return 0 when everything is equal."""
    sys.path.insert(0, str(folder / "code"))
    stored = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    lines = differences(stored, recompute(folder))
    for line in lines:
        print(line)
    print(f"{count(stored)} values compared, {len(lines)} differ")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
