"""Analyses one reader study: from tidy ratings to every table of the report.

The settings of an analysis are read back from its results.json, so that it can be repeated.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.frames import PLANNED, RATINGS, check_table
from analysis.metrics.multiplicity import fixed_sequence, holm
from analysis.stats.agreement_table import BOOTSTRAPS, agreement_table, intra_reader_table
from analysis.stats.answers import answer_table, endpoint_table, missing_table, uneven_holes, with_planned
from analysis.stats.conclusions import direction, in_numbers, in_words
from analysis.stats.grid import by_patient, make_grid
from analysis.stats.intake import Checked, check, read_ratings
from analysis.stats.mixed import compare_mixed
from analysis.stats.obuchowski_rockette import compare_or, compare_readers, compare_spread
from analysis.stats.order import order_table
from analysis.stats.paper import paper_compatible
from analysis.stats.permutation import DRAWS
from analysis.stats.plan import DECLARED, PRIMARY, Plan
from analysis.stats.primary import compare_u
from analysis.stats.reading_time import reading_time_table
from analysis.stats.results import FORMAT, Results
from analysis.stats.rows import Comparison, NotComparableError, Row, StatsError
from analysis.stats.sensitivity import compare_cannot_assess, subgroup_table
from analysis.stats.sets import compare_sets
from analysis.tablefolder import refuse_used_folder

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


ADJUSTMENTS: Mapping[str, Callable[[Sequence[float | None]], list[float | None]]] = {
    "holm": holm, "fixed sequence": fixed_sequence, "none": list,
}  # fmt: skip


def analyse(
    ratings: pd.DataFrame,
    *,
    seed: int,
    simulated: bool = False,
    draws: int = DRAWS,
    bootstraps: int = BOOTSTRAPS,
    subgroups: pd.DataFrame | None = None,
    plan: Plan = DECLARED,
    partial: bool = False,
    where: str = RATINGS.name,
    planned: pd.DataFrame | None = None,
) -> Results:
    """Analyse a reader study.

    Parameters
    ----------
    ratings: one row per reader, case and presentation with the columns of `frames.ratings_table`; blank = missing;
        arm 1 = PIE (the first group), 0 = control (the other).
    seed: of every random step (permutation, bootstrap); the same ratings and seed give the same bytes.
    simulated: marks everything as made by a computer, as a column `simulated` of the ratings does.
    draws: relabellings of a permutation test.
    bootstraps: samples of the bootstrap over cases.
    subgroups: one row per case with the column case and one column per grouping named in the protocol.
    plan: what was declared before anybody read: endpoints, primary method, level, times left out.
    partial: when no question can be compared, give what can be counted instead of an error; then
        `study["not_comparable"]` says why.
    where: the file named in messages.
    planned: what was to be read (`frames.PLANNED`); without it what has no row is not known.

    Raises
    ------
    FrameError, StatsError: the ratings are not in order (see `check`), or the plan is not.
    NotComparableError: no question has answers to two cases in both arms, unless `partial`.
    """
    plan.check()
    checked = _known(check(ratings, where, plan.questions), plan)
    first, asked, level = checked.first, plan.endpoints, plan.level
    compared, refused = _comparisons(checked, plan, seed, draws)
    if refused and not partial:
        raise NotComparableError(refused)
    settings: Row = {"seed": seed, "draws": draws, "bootstraps": bootstraps, **plan.as_row()}
    settings |= ({"not_comparable": refused} if refused else {}) | _holes(first, planned, plan)
    comparisons, multiplicity = _conclude(compared, plan)
    groups = [] if subgroups is None else subgroup_table(first, subgroups, seed=seed, draws=draws, plan=plan)
    return Results(
        study=settings | describe(checked),
        comparisons=[each.as_row() for each in comparisons],
        agreement=agreement_table(first, seed=seed, bootstraps=bootstraps, level=level, endpoints=asked),
        intra_reader=intra_reader_table(checked, level, asked),
        missing=missing_table(with_planned(first, planned, asked), seed=seed, draws=draws, plan=plan),
        reading_time=reading_time_table(first, seed=seed, draws=draws, plan=plan),
        order=order_table(first, plan),
        multiplicity=multiplicity,
        paper_compatible=paper_compatible(first, asked),
        subgroups=groups,
        answers=answer_table(first, asked),
        endpoints=endpoint_table(level, asked),
        simulated=simulated or checked.simulated,
    )


def analyse_file(
    path: Path,
    out: Path,
    *,
    settings: Settings,
    subgroups: Path | None = None,
    also: Callable[[Results, Path], object] = lambda results, folder: None,
) -> Results:
    """Read a ratings CSV, analyse it and write the results folder; needs no Django.

    Parameters
    ----------
    path: the ratings; a planned.csv beside them says what was to be read.
    out: a new or empty folder; written whole or not at all.
    settings: what the analysis is made with.
    subgroups: a CSV with the column case and one column per grouping.
    also: gets the results and the unfinished folder, to add figures and the report.

    Raises
    ------
    FrameError, StatsError: the file or the folder is not as it should be; nothing is written.
    """
    refuse_used_folder(out, StatsError)
    ratings = read_ratings(path)
    groups = None if subgroups is None else read_subgroups(subgroups)
    results = analyse_with(settings, ratings, groups, where=path.name, planned=read_planned(path.parent))
    results.write(out, lambda folder: also(results, folder))
    return results


def analyse_with(
    settings: Settings,
    ratings: pd.DataFrame,
    subgroups: pd.DataFrame | None,
    where: str = RATINGS.name,
    planned: pd.DataFrame | None = None,
) -> Results:
    """Analyse with settings that were read or put together; see `analyse`."""
    chosen = {each.name: getattr(settings, each.name) for each in fields(settings) if each.name != "grouped"}
    return analyse(ratings, subgroups=subgroups, where=where, planned=planned, **chosen)


def read_planned(folder: Path) -> pd.DataFrame | None:
    """Read what was to be read, where it is beside the ratings, as an export has it; None where it does not.

    Raises
    ------
    StatsError, FrameError: not a CSV, or not such a table.
    """
    path = folder / PLANNED.name
    return check_table(read_ratings(path), PLANNED, path.name) if path.exists() else None


def read_subgroups(path: Path) -> pd.DataFrame:
    """Read a CSV of groups of cases; a column that marks a simulated study is no grouping.

    Raises
    ------
    StatsError: the file is absent, is not UTF-8 or is not a CSV.
    """
    return read_ratings(path).fillna("").drop(columns="simulated", errors="ignore")


def describe(checked: Checked) -> Row:
    """Count readers, cases and readings, and name the design."""
    first = checked.first
    arm_of = first.groupby("case")["arm"].first()
    readings = first.groupby("case")["reader"].nunique()
    n_readers, patients = int(first["reader"].nunique()), by_patient(first).nunique()
    known = (first["patient"] != "").any()
    if (readings == n_readers).all():
        design = "crossed: every reader was given every case"
    elif (readings == 1).all():
        design = "nested: no case was given to two readers"
    else:
        design = "partial overlap: some cases were given to several readers"
    return {
        "readers": n_readers,
        "pie_cases": int((arm_of == 1).sum()),
        "control_cases": int((arm_of == 0).sum()),
        **({"patients": patients, "clustered": patients < len(arm_of)} if known else {}),
        "first_readings": len(first),
        "repeat_readings": len(checked.repeats),
        "design": design,
        "lacking_an_arm": list(checked.lacking_an_arm),
    }


def _known(checked: Checked, plan: Plan) -> Checked:
    """Return what a version of the analysis knows: up to the fourth no patients."""
    return checked if plan.version >= 5 else replace(checked, first=checked.first.assign(patient=""))


def _holes(first: pd.DataFrame, planned: pd.DataFrame | None, plan: Plan) -> Row:
    """Say that no plan is known, with warnings of what such a file may lack; check the plan where there is one."""
    if planned is not None:
        check_table(planned, PLANNED)
        return {}
    holes = uneven_holes(first, plan.groups)
    return {"unplanned": True} | ({"holes": holes} if holes else {})


def _comparisons(checked: Checked, plan: Plan, seed: int, draws: int) -> tuple[list[Comparison], str]:
    """Compare question by question; return also why none can be compared, or "" when one can."""
    comparisons: list[Comparison] = []
    refusals: list[NotComparableError] = []
    for endpoint in plan.endpoints:
        try:
            grid = make_grid(checked.first, endpoint.name, plan.groups)
        except NotComparableError as error:
            refusals.append(error)
            comparisons.append(Comparison(endpoint.name, PRIMARY, note=f"not estimable: {error.reason}"))
            continue
        own = compare_u(grid, endpoint, seed=seed, draws=draws, plan=plan)
        comparisons += own
        comparisons += compare_or(grid, endpoint, plan)
        comparisons += compare_readers(grid, endpoint, plan.level)
        comparisons += compare_spread(grid, endpoint, own[0], plan.level)
        comparisons += compare_sets(grid, endpoint, seed=seed, draws=draws, plan=plan)
        comparisons.append(compare_mixed(grid, endpoint, plan.level))
        comparisons += compare_cannot_assess(checked.first, endpoint, seed=seed, draws=draws, plan=plan)
    none = len(refusals) == len(plan.endpoints)
    return comparisons, "; ".join(str(error) for error in refusals) if none else ""


def _conclude(comparisons: list[Comparison], plan: Plan) -> tuple[list[Comparison], list[Row]]:
    """Word the primary comparisons now that all their p-values are known; return all comparisons, and the primary."""
    found = {(row.endpoint, row.method): row for row in comparisons if row.reader is None}
    deciding = [(each.name, plan.decides(each)) for each in plan.endpoints]
    primary = [found.get(each) or Comparison(*each, note=found[each[0], PRIMARY].note) for each in deciding]
    p_values = [row.p for row in primary]
    adjusted = ADJUSTMENTS[plan.multiplicity](p_values)
    worded, table = {}, []
    for endpoint, row, p_adjusted in zip(plan.endpoints, primary, adjusted, strict=True):
        said = None if row.estimate is None else direction(row, endpoint, plan, p_adjusted)
        worded[id(row)] = now = replace(row, direction=said)
        table.append(
            {
                "endpoint": row.endpoint,
                "title": endpoint.short,
                "method": plan.multiplicity,
                "primary_method": row.method,
                "endpoints": len(primary),
                "p": row.p,
                "p_adjusted": p_adjusted,
                "p_from": row.p_from,
                "note": "" if row.p is not None else "no p-value; still counted as an endpoint",
                "alpha": plan.alpha,
                "conclusion": in_words(now),
                "numbers": in_numbers(now, plan, p_adjusted),
            }
        )
    return [worded.get(id(row), row) for row in comparisons], table
