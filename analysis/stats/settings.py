"""What an analysis was made with, read back from its results.json, so that it can be repeated."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.stats.agreement_table import BOOTSTRAPS
from analysis.stats.permutation import DRAWS
from analysis.stats.plan import DECLARED, Plan
from analysis.stats.results import FORMAT
from analysis.stats.rows import StatsError

MOST_BYTES = 256 << 20
"""The most bytes of a results.json; a study of hundreds of readers has less than a tenth of it."""

MOST_SAMPLES = 1_000_000
"""The most relabellings or bootstrap samples; more would let a mistyped file compute for days."""


@dataclass(frozen=True)
class Settings:
    """What decides the result besides the ratings and the groups of cases.

    `seed` is that of every random step, `draws` the relabellings of a permutation test, `bootstraps` the samples of
    the bootstrap over cases, `plan` what was declared before anybody read. `simulated` marks everything as made by
    a computer. `partial`: where no question can be compared, give what can be counted. `grouped`: the results
    have subgroups, whose table of cases must be given again.
    """

    seed: int
    draws: int = DRAWS
    bootstraps: int = BOOTSTRAPS
    plan: Plan = DECLARED
    simulated: bool = False
    partial: bool = False
    grouped: bool = False


def read_settings(path: Path) -> Settings:
    """Read the settings of a results.json, as `analyse_ratings` and an export write it.

    Raises
    ------
    StatsError: no such file, no results.json of this format, or a setting that cannot be carried out.
    """
    wanted = f"{path}: expected the results.json of an export or of analyse_ratings"
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        stored = json.loads(data) if len(data) <= MOST_BYTES else None
    except OSError as error:
        raise StatsError(f"{wanted}, got the error '{error.strerror}'") from error
    except (ValueError, RecursionError) as error:
        raise StatsError(f"{wanted}, got the error '{error}'") from error
    study = stored.get("study") if isinstance(stored, dict) else None
    if not isinstance(stored, dict) or stored.get("format") != FORMAT or not isinstance(study, dict):
        raise StatsError(f"{wanted}, with format {FORMAT} and study; got another file (is it protocol.json?)")
    if not isinstance(stored.get("simulated"), bool):
        raise StatsError(f"{wanted}, with simulated as true or false, got {stored.get('simulated')!r}")
    _check(study, str(path))
    try:
        plan = Plan.from_row(study)
        plan.check()
    except StatsError as error:
        raise StatsError(f"{path}: {error}") from error
    return Settings(
        seed=study["seed"],
        draws=study["draws"],
        bootstraps=study["bootstraps"],
        plan=plan,
        simulated=stored["simulated"],
        partial="not_comparable" in study,
        grouped=bool(stored.get("subgroups")),
    )


def _check(study: Mapping[str, Any], where: str) -> None:
    for name, (wanted, fits) in _WANTED.items():
        if name not in study or not fits(study[name]):
            found = f"{study[name]!r:.80}" if name in study else "nothing"
            raise StatsError(f"{where}, study, {name}: expected {wanted}, got {found}")


def _whole(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and low <= value <= high


def _number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _seconds(value: Any) -> bool:
    return value is None or (_number(value) and value >= 0)


_SAMPLES = (f"a whole number from 1 to {MOST_SAMPLES:,}", _whole(1, MOST_SAMPLES))
_WANTED: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "seed": ("a whole number of at least 0, below 2 to the 64th", _whole(0, 2**64 - 1)),
    "draws": _SAMPLES,
    "bootstraps": _SAMPLES,
    "endpoints": (
        "a list of texts",
        lambda value: isinstance(value, list) and all(isinstance(name, str) for name in value),
    ),
    "primary_method": ("a text", lambda value: isinstance(value, str)),
    "alpha": ("a number", _number),
    "multiplicity": ("a text", lambda value: isinstance(value, str)),
    "shortest_s": ("null or seconds", _seconds),
    "longest_s": ("null or seconds", _seconds),
}
