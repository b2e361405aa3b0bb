"""Sensitivity to answers that were not given: cannot-assess as an endpoint and ranked worst; subgroups."""

from dataclasses import replace

import pandas as pd

from analysis.columns import Column, Table
from analysis.endpoints import Endpoint
from analysis.frames import check_table
from analysis.identity import name_key
from analysis.stats.grid import make_grid
from analysis.stats.plan import DECLARED, Plan
from analysis.stats.primary import compare_u
from analysis.stats.rows import Comparison, NotComparableError, Row, StatsError
from analysis.stats.sets import compare_sets

SUBGROUPS = Table("subgroups", (Column("case", "text", "case"),), key=("case",), named=("case",))

MANY_FINDINGS = 4
"""From this number of diseases on, images form one subgroup, as in the published study."""


def compare_cannot_assess(
    first: pd.DataFrame, endpoint: Endpoint, *, seed: int, draws: int, plan: Plan = DECLARED
) -> list[Comparison]:
    """Compare how often a case could not be assessed, and the answers with those cases ranked worst.

    Cannot-assess is not missing at random, so the primary comparison, which treats it as missing, is joined by two rows
    of its method, unmatched or of matched sets, under the endpoints NAME_cannot_assess (a binary endpoint) and
    NAME_worst_rank. Nothing is returned when every case could be assessed.
    """
    cannot = first[endpoint.status] == "cannot_assess"
    if not cannot.any():
        return []
    worst = endpoint.worst(first[endpoint.name].dropna())
    asked = first[endpoint.status].isin(["answered", "cannot_assess"])
    share = replace(endpoint, name=f"{endpoint.name}_cannot_assess", **_CANNOT_ASSESS)  # type: ignore[arg-type]
    ranked = replace(endpoint, name=f"{endpoint.name}_worst_rank")
    return [
        _one(first.assign(**{each.name: values}), each, note, seed, draws, plan)
        for each, values, note in (
            (share, cannot.astype(float).where(asked), "share of cases that could not be assessed"),
            (ranked, first[endpoint.name].mask(cannot, worst), f"cannot-assess ranked worst ({worst:g})"),
        )
    ]


_CANNOT_ASSESS = {
    "kind": "binary",
    "levels": ((0, "could be assessed"), (1, "could not be assessed")),
    "less": "fewer cases that could not be assessed",
    "more": "more cases that could not be assessed",
}


def subgroup_table(
    first: pd.DataFrame, groups: pd.DataFrame, *, seed: int, draws: int, plan: Plan = DECLARED
) -> list[Row]:
    """Repeat the primary comparison within subgroups of cases named in the protocol.

    Parameters
    ----------
    first: `Checked.first`.
    groups: one row per case: column case, and one column per grouping (class group, number of findings).
    seed, draws: of the permutation test.
    plan: for the level of tests and intervals.

    Returns
    -------
    list: the comparison's columns with `grouping` and `group`; explorative, p-values not adjusted.

    Raises
    ------
    FrameError: no column case, a case comes twice. StatsError: a rated case has no row.
    """
    keys = check_table(groups, SUBGROUPS)["case"].map(name_key)
    table = groups.drop(columns="case").set_axis(keys)
    rated = first["case"].map(name_key)
    if (unknown := first["case"][~rated.isin(keys)]).size:
        raise StatsError(f"subgroups: expected a row for every rated case, none for '{unknown.min()}'")
    rows: list[Row] = []
    for grouping in table.columns:
        of_case = rated.map(table[grouping].astype(str))
        for group in sorted(of_case.unique(), key=_place):
            for endpoint in plan.endpoints:
                own = first[of_case == group]
                row = _one(own, endpoint, "subgroup: explorative, not adjusted", seed, draws, plan)
                rows.append({"grouping": str(grouping), "group": str(group), **row.as_row()})
    return rows


def findings_group(n_findings: int) -> str:
    """Return the subgroup of a number of diseases: 0, 1, 2, 3 or 4+."""
    return str(n_findings) if n_findings < MANY_FINDINGS else f"{MANY_FINDINGS}+"


def _place(group: str) -> tuple[int, str]:
    """Sort frequency groups from frequent to rare, anything else by its text."""
    order = ("head", "medium", "tail", "none")
    return (order.index(group) if group in order else -1, group)


def _one(first: pd.DataFrame, endpoint: Endpoint, note: str, seed: int, draws: int, plan: Plan) -> Comparison:
    try:
        grid = make_grid(first, endpoint.name, plan.groups)
    except NotComparableError as error:
        return Comparison(endpoint.name, "u_centred").noted(note, f"not estimable: {error.reason}")
    compare = compare_sets if plan.primary == "theta_set" else compare_u
    return compare(grid, endpoint, seed=seed, draws=draws, plan=plan)[0].noted(note)
