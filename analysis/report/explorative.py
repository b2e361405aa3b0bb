"""What stands beside the comparison and decides nothing: subgroups of cases, and the published study's own tests."""

from analysis.endpoints import capital
from analysis.report.comparison import NOT_ESTIMABLE, primary_row
from analysis.report.document import Block, Grid, Picture, Section, Text
from analysis.report.words import DASH, estimate, groups_of, interval_of, number, p_value, prose
from analysis.stats import Results
from analysis.stats.conclusions import DISAGREE
from analysis.stats.paper import explained
from analysis.stats.rows import Row

GROUPINGS = {"class_group": "Frequency of the rarest finding", "n_findings": "Number of diseases"}


def subgroup_section(results: Results) -> Section | None:
    """Return the subgroups named in the protocol, or None without any."""
    if not results.subgroups:
        return None
    titles = {row["endpoint"]: row["title"] for row in results.multiplicity}
    blocks: list[Block] = [
        Text(prose("subgroups", results)),
        Picture("subgroups", prose("subgroups_shown", results)),
    ]
    for grouping in dict.fromkeys(row["grouping"] for row in results.subgroups):
        own = [row for row in results.subgroups if row["grouping"] == grouping]
        groups = dict.fromkeys(row["group"] for row in own)
        rows = tuple(
            _subgroup_row(group, [r for r in own if r["group"] == group], titles) for group in groups
        )
        columns = (
            "Group",
            *(f"{title}: θ ({interval_of(results)}), p" for title in titles.values()),
            "Remark",
        )
        blocks.append(Grid(GROUPINGS.get(grouping, grouping), columns, rows))
    return Section("subgroups", "Subgroups", tuple(blocks))


def _subgroup_row(group: str, own: list[Row], titles: dict[str, str]) -> tuple[str, ...]:
    by_name = {row["endpoint"]: row for row in own}
    cells, remarks = [], []
    for name, title in titles.items():
        row = by_name[name]
        cells.append(DASH if row["estimate"] is None else f"{estimate(row, 2)}, p {p_value(row['p'])}")
        if row["p"] is None:
            remarks.append(row["note"].split(NOT_ESTIMABLE)[-1].split("; ")[0])
        elif DISAGREE in row["note"]:
            remarks.append(f"{title}: {DISAGREE}")
    return (group, *cells, "; ".join(dict.fromkeys(remarks)))


def paper_section(results: Results) -> Section:
    """Return the published study's figure and tests, and why their p-values differ."""
    titles = {row["endpoint"]: row["title"] for row in results.multiplicity}
    named = groups_of(results)

    def cells(row: Row) -> dict[str, str]:
        return {
            "Question": titles[row["endpoint"]],
            f"{capital(named.one)}, mean ± SD (n)": _mean(row, "pie"),
            f"{capital(named.other)}, mean ± SD (n)": _mean(row, "control"),
            "Kruskal-Wallis p": p_value(row["kruskal_p"]),
            "Welch p": p_value(row["welch_p"]),
            "Mann-Whitney p": p_value(row["mannwhitney_p"]),
            "Primary p": p_value(primary_row(results, row["endpoint"])["p"]),
        }

    blocks = (
        Text(prose("published", results)),
        Picture("paper_means", prose("published_means", results)),
        Grid.of("Ignores reader and case correlation.", map(cells, results.paper_compatible)),
        Text(" ".join(explained(results))),
    )
    return Section("published", "As the published study computed it", blocks)


def _mean(row: Row, arm: str) -> str:
    return f"{number(row[f'{arm}_mean'], 2)} ± {number(row[f'{arm}_sd'], 2)} ({row[f'{arm}_n']})"
