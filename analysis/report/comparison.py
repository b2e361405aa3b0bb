"""The comparison of the arms: the primary results in words, sensitivity analyses, subgroups, the published tests."""

from analysis.endpoints import capital
from analysis.printed import DASH, interval, number, p_value
from analysis.report.document import Block, Finding, Findings, Grid, Picture, Section, Text
from analysis.report.words import TEXTS, counts_alike, estimate, groups_of, interval_of, own_level, prose
from analysis.stats import Results
from analysis.stats.conclusions import ADJUSTED, DISAGREE, SEVERAL, TAKEN_BACK, caveat
from analysis.stats.paper import explained
from analysis.stats.rows import Row

METHODS: dict[str, list[str]] = TEXTS["methods"]
"""Method to what it is and what its conclusion holds for; files of versions 1 and 2 have or_unbiased for or_centred."""

PERMUTED = ("permutation", "sign_flip", "set_permutation")

NOT_ESTIMABLE, NOT_AVAILABLE = "not estimable: ", "not available: "


def primary_section(results: Results, *, declared: bool) -> Section:
    """Return the primary comparison: a sentence and the numbers for each question; `declared`: before reading."""
    items = tuple(_finding(results, row) for row in results.multiplicity)
    sets = {"of_its_set": OF_ITS_SET, "units": "matched sets"} if by_sets(results) else NO_SETS
    several = SEVERAL[results.study["multiplicity"]]
    scale = "the scale of p, so that both say the same of 0.5" if counts_alike(results) else "the logit scale"
    blocks: list[Block] = [
        Text(prose("theta", results, **sets)),
        Findings(items),
        _primary_grid(results, declared),
        Text(prose("primary", results, scale=scale, several=several), "note"),
    ]
    return Section("primary", "Primary comparison", tuple(blocks))


OF_ITS_SET = " of its matched set"
NO_SETS = {"of_its_set": "", "units": "cases"}


def by_sets(results: Results) -> bool:
    """Whether the primary comparison is that of matched sets."""
    return bool(results.study["primary_method"] == "theta_set")


def primary_row(results: Results, endpoint: str) -> Row:
    """Return the row of a question whose p-value is the primary one, else the unmatched comparison."""
    method = next(row["primary_method"] for row in results.multiplicity if row["endpoint"] == endpoint)
    return find(results, endpoint, method) or results.comparison(endpoint, "u_centred")


def theta_row(results: Results, endpoint: str) -> Row:
    """Return the row whose estimate is the theta of a question: of matched sets where these are primary."""
    return (by_sets(results) and find(results, endpoint, "theta_set")) or results.comparison(
        endpoint, "u_centred"
    )


def difference_of(results: Results, endpoint: str) -> Row | None:
    """Return the row that tells the difference in natural units: that of the primary comparison where it is one."""
    primary = primary_row(results, endpoint)
    own = counts_alike(results) and primary["scale"] == "difference"
    return primary if own else find(results, endpoint, "difference_set" if by_sets(results) else "difference")


def find(results: Results, endpoint: str, method: str) -> Row | None:
    """Return the row of a question and method, or None."""
    rows = (r for r in results.comparisons if r["endpoint"] == endpoint and r["method"] == method)
    return next(rows, None)


def sentence(results: Results, holm: Row) -> str:
    """Say the result of one question in words: what the results conclude, and how much it is."""
    row = primary_row(results, holm["endpoint"])
    if not row["direction"]:
        return f"Not comparable: {_reason(row)}."
    return f"{row['direction']}{_how_much(results, holm['endpoint'])}{caveat(row['note'])}."


def verdict(results: Results, holm: Row) -> str:
    """Say what a question's declared test decided, and the effect with its interval; no direction without a verdict.

    What a margin shows or does not show names no direction.
    """
    row = primary_row(results, holm["endpoint"])
    said = sentence(results, holm)
    if row["estimate"] is None or not row["direction"]:
        return said
    adjusted = holm["p_adjusted"]
    if not row.get("margin") and (adjusted is None or adjusted >= results.study["alpha"]):
        taken = row["p"] is not None and row["p"] < results.study["alpha"]
        why = f": {TAKEN_BACK[results.study['multiplicity']]}" if taken else ""
        undecided = "Which group had the higher answers is not decided"
        told = undecided if row["p"] is not None else "No verdict can be given"
        said = f"{told}{why}{caveat(row['note'])}."
    also = "" if row["scale"] == "difference" else f"; difference {effect(results, holm['endpoint'])}"
    return f"{said} {holm['numbers']}{also}."


def why_not(results: Results) -> str:
    """Return why no question can be compared, each reason once."""
    return "; ".join(dict.fromkeys(map(_reason, results.comparisons)))


def _reason(row: Row) -> str:
    return str(row["note"]).removeprefix(NOT_ESTIMABLE).removeprefix(NOT_AVAILABLE)


def _how_much(results: Results, endpoint: str) -> str:
    """Say the size in everyday terms: percentage points for yes or no, pairs out of 100 for a scale.

    With a margin it is the difference, with the interval of its test where there is one.
    """
    theta, risk = theta_row(results, endpoint), difference_of(results, endpoint)
    if primary_row(results, endpoint)["method"].startswith("difference"):
        return f"; the difference is {effect(results, endpoint)}"
    if theta["estimate"] in (None, 0.5) or risk is None or risk["estimate"] is None:
        return ""
    words = next(row for row in results.endpoints if row["endpoint"] == endpoint)
    if words["kind"] == "binary":
        points = 100 * risk["estimate"]
        often = "less" if points < 0 else "more"
        return f": “{words['high_word']}” was {abs(points):.0f} percentage points {often} frequent"
    won = f"{100 * theta['estimate']:.0f} (equal answers count half)"
    named = groups_of(results)
    pairs = f"pairs of a {named.one} and a {named.other}{OF_ITS_SET if by_sets(results) else ''}"
    return f": of 100 {pairs}, the {named.one} got the higher answer in {won}"


def effect(results: Results, endpoint: str) -> str:
    """Return the difference in natural units with its interval, which is named where its level is one of its own."""
    row = difference_of(results, endpoint)
    if row is None or row["estimate"] is None:
        return DASH
    asked = next(each for each in results.study["questions"] if each["name"] == endpoint)
    scale, digits = (100, 1) if asked["kind"] == "binary" else (1, 2)
    unit = {"binary": "percentage points", "ordinal": "points", "number": asked["unit"]}[asked["kind"]]
    text = f"{number(scale * row['estimate'], digits)} {unit}".strip()
    if row["ci_low"] is None:
        return text
    return f"{text} ({own_level(row)}{interval(scale * row['ci_low'], scale * row['ci_high'], digits)})"


def _theta(results: Results, endpoint: str, digits: int) -> str:
    """Write theta; without its interval where another comparison is primary, which has the interval of the p shown."""
    row = theta_row(results, endpoint)
    if counts_alike(results) and primary_row(results, endpoint)["method"] != row["method"]:
        return number(row["estimate"], digits)
    return estimate(row, digits)


def _finding(results: Results, holm: Row) -> Finding:
    row = primary_row(results, holm["endpoint"])
    named = groups_of(results)
    facts = [
        (f"θ ({interval_of(results)})", _theta(results, holm["endpoint"], 2)),
        (f"Difference, {named.one} − {named.other}", effect(results, holm["endpoint"])),
        *((("Margin", f"{row['aim']}, {row['margin']:g}"),) if row.get("margin") else ()),
        *_p_values(results, row, holm).items(),
        ("Effective readers", number(row["effective_readers"], 1)),
    ]
    notes = [part for part in row["note"].split("; ") if part != DISAGREE] if row["direction"] else []
    return Finding(holm["title"], sentence(results, holm), tuple(facts), "; ".join(notes))


def _primary_grid(results: Results, was_declared: bool) -> Grid:
    named = groups_of(results)

    def cells(holm: Row) -> dict[str, str]:
        row, theta = primary_row(results, holm["endpoint"]), theta_row(results, holm["endpoint"])
        return {
            "Question": holm["title"],
            f"θ ({interval_of(results)})": _theta(results, holm["endpoint"], 3),
            "Cliff's δ": number(theta["cliffs_delta"], 2),
            f"Difference ({interval_of(results)})": effect(results, holm["endpoint"]),
            "SE": number(row["se"], 4),
            "df": number(row["df"], 1),
            **_p_values(results, row, holm),
            f"Readers / {named.ones} / {named.others}": (
                f"{row['readers'] or 0} / {row['pie_cases'] or 0} / {row['control_cases'] or 0}"
            ),
            "Effective readers": number(row["effective_readers"], 1),
        }

    what = METHODS[results.study["primary_method"]][0]
    caption = (
        f"{'Declared primary' if was_declared else 'Primary'}: {what}. The answers to {named.ones} against those to "
        f"{named.others}."
    )
    return Grid.of(caption, map(cells, results.multiplicity))


def _p_values(results: Results, row: Row, holm: Row) -> dict[str, str]:
    """Return a question's own p-value and, where several are accounted for, the adjusted one."""
    adjusted = ADJUSTED[results.study["multiplicity"]]
    return {"p": p_value(row["p"]), **{name: p_value(holm["p_adjusted"]) for name in adjusted}}


def sensitivity_section(results: Results) -> Section:
    """Return every method beside the primary one, question by question."""
    blocks: list[Block] = [Text(prose("sensitivity", results))]
    for holm in results.multiplicity:
        own = [r for r in results.comparisons if r["endpoint"] == holm["endpoint"] and r["method"] in METHODS]
        blocks.append(_sensitivity_grid(results, holm, own))
    blocks += [*_cannot_assess_grid(results), Text(prose("sensitivity_units", results), "note")]
    return Section("sensitivity", "Sensitivity analyses", tuple(blocks))


def _sensitivity_grid(results: Results, holm: Row, own: list[Row]) -> Grid:
    def cells(row: Row) -> dict[str, str]:
        name, holds = METHODS[row["method"]]
        return {
            "Method": f"{name}{' (primary)' if row['method'] == holm['primary_method'] else ''}",
            f"Estimate ({interval_of(results)})": (DASH if row["method"] in PERMUTED else estimate(row)),
            "df": number(row["df"], 1),
            "p": p_value(row["p"]),
            "Holds for, and notes": (
                "; ".join(filter(None, (holds if row["estimate"] is not None else "", row["note"])))
            ),
        }

    return Grid.of(holm["title"], map(cells, own))


NOT_GIVEN = {
    "_cannot_assess": "share that could not be assessed",
    "_worst_rank": "could not be assessed counted as the worst answer",
}


def _cannot_assess_grid(results: Results) -> list[Grid]:
    rows = [
        {
            "Question": f"{holm['title']}: {words}",
            f"θ ({interval_of(results)})": estimate(row),
            "p": p_value(row["p"]),
            "In words": f"{row['direction']}{caveat(row['note'])}" if row["direction"] else row["note"],
        }
        for holm in results.multiplicity
        for row in results.comparisons
        for suffix, words in NOT_GIVEN.items()
        if row["endpoint"] == holm["endpoint"] + suffix
    ]
    return [Grid.of(prose("not_given", results), rows)] if rows else []


def readers_section(results: Results) -> Section:
    """Return each reader's own result beside the pooled one."""
    text = prose("forest_of_sets" if by_sets(results) else "forest", results)
    grid = Grid.of(prose("spread", results), (_spread(results, row) for row in results.multiplicity))
    return Section("readers", "Each reader", (Picture("forest", text), grid))


def _spread(results: Results, holm: Row) -> dict[str, str]:
    spread, new = (find(results, holm["endpoint"], method) for method in ("reader_spread", "new_reader"))
    named = interval_of(results)
    names = (f"SD between readers ({named})", f"θ of a new reader ({named} of prediction)", "Remark")
    if spread is None or new is None:
        told: tuple[str, ...] = (DASH, DASH, primary_row(results, holm["endpoint"])["note"])
    else:
        limits = interval(new["ci_low"], new["ci_high"], 2)
        told = (estimate(spread, 2), limits, "" if new["ci_low"] is not None else new["note"])
    return {"Question": holm["title"], **dict(zip(names, told, strict=True))}


def answers_section(results: Results) -> Section | None:
    """Return the distribution of the answers, or None where no question has levels."""
    if not results.answers:
        return None
    return Section("answers", "How the readers answered", (Picture("answers", prose("answers", results)),))


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
            remarks.append(row["note"].split(NOT_ESTIMABLE)[-1].split("; subgroup: ")[0])
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
