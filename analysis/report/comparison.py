"""The comparison of the arms: the primary results in words, sensitivity analyses, subgroups, the published tests."""

from analysis.endpoints import capital
from analysis.report.document import Block, Finding, Findings, Grid, Picture, Section, Text
from analysis.report.words import (
    DASH,
    counts_alike,
    estimate,
    groups_of,
    interval,
    interval_of,
    number,
    p_value,
)
from analysis.stats import Results
from analysis.stats.conclusions import ADJUSTED, DISAGREE, SEVERAL, caveat
from analysis.stats.rows import Row

CENTRED_OR = (
    "Obuchowski-Rockette, unbiased covariance with each reader's kernel centred, Hillis df",
    "readers and cases like these",
)
"""What files of versions 1 and 2 of the analysis call or_unbiased."""

METHODS = {
    "u_centred": ("Readers and cases random, one-shot U-statistic, centred", "readers and cases like these"),
    "u_imrmc": (
        "The same, uncentred, as iMRMC prints it",
        "readers and cases like these; depends on which arm is called 1 when unbalanced",
    ),
    "difference": (
        "The same in natural units (mean difference, risk difference)",
        "readers and cases like these",
    ),
    "or_jackknife": ("Obuchowski-Rockette, jackknife covariance, Hillis df", "readers and cases like these"),
    "or_delong": (
        "Obuchowski-Rockette, DeLong covariance, Hillis df",
        "readers and cases like these; complete answers only",
    ),
    "or_centred": CENTRED_OR,
    "or_unbiased": CENTRED_OR,
    "fixed_readers": ("Readers fixed, cases random", "these readers only, does not generalise to readers"),
    "permutation": ("Permutation of the arms within batches", "these readers only; exact for no effect"),
    "pairs": ("Matched pairs, readers x pairs", "readers and pairs like these"),
    "sign_flip": ("Arms exchanged within matched pairs", "these readers only; exact for no effect"),
    "clmm": (
        "Proportional-odds mixed model (Laplace), log odds ratio",
        "the arm's effect is the same for all readers; rejects too often",
    ),
    "logistic_mixed": (
        "Logistic mixed model (Laplace), log odds ratio",
        "the arm's effect is the same for all readers; rejects too often",
    ),
}
"""Method to what it is and what its conclusion holds for."""

NOT_ESTIMABLE, NOT_AVAILABLE = "not estimable: ", "not available: "
GROUPINGS = {"class_group": "Frequency of the rarest finding", "n_findings": "Number of diseases"}


def primary_section(results: Results) -> Section:
    """Return the primary comparison: a sentence and the numbers for each question."""
    items = tuple(_finding(results, row) for row in results.multiplicity)
    named = groups_of(results)
    blocks: list[Block] = [
        Text(
            f"θ is the chance that a reader gives a {named.one} the higher answer than a {named.other}, equal answers "
            f"counted half. 0.5 means no difference; 1 that every {named.one} got the higher answer. The "
            "conclusion is meant for other readers and other cases, not only for these.",
        ),
        Findings(items),
        _primary_grid(results),
        Text(
            f"p from Student's t on fractional degrees of freedom; {interval_of(results)}s on {_scale(results)}. "
            "Effective readers: 1 / sum of the squared weights of the readers; below 3 one or two of them decide. "
            f"Several questions: {SEVERAL[results.study['multiplicity']]}. Full precision is in results.json.",
            "note",
        ),
    ]
    return Section("primary", "Primary comparison", tuple(blocks))


def _scale(results: Results) -> str:
    return "the scale of p, so that both say the same of 0.5" if counts_alike(results) else "the logit scale"


def primary_row(results: Results, endpoint: str) -> Row:
    """Return the row of a question that the protocol declared primary, else the unpaired one."""
    method = results.study["primary_method"]
    rows = [row for row in results.comparisons if row["endpoint"] == endpoint]
    return next((r for r in rows if r["method"] == method), None) or next(
        r for r in rows if r["method"] == "u_centred"
    )


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


def why_not(results: Results) -> str:
    """Return why no question can be compared, each reason once."""
    return "; ".join(dict.fromkeys(map(_reason, results.comparisons)))


def _reason(row: Row) -> str:
    return str(row["note"]).removeprefix(NOT_ESTIMABLE).removeprefix(NOT_AVAILABLE)


def _how_much(results: Results, endpoint: str) -> str:
    """Say the size in everyday terms: percentage points for yes or no, pairs out of 100 for a scale."""
    theta, risk = (find(results, endpoint, method) for method in ("u_centred", "difference"))
    if theta is None or theta["estimate"] in (None, 0.5) or risk is None or risk["estimate"] is None:
        return ""
    words, named = words_of(results, endpoint), groups_of(results)
    if words["kind"] == "binary":
        points = 100 * risk["estimate"]
        often = "less" if points < 0 else "more"
        return f": “{words['high_word']}” was {abs(points):.0f} percentage points {often} frequent"
    won = f"{100 * theta['estimate']:.0f} (equal answers count half)"
    return (
        f": of 100 pairs of a {named.one} and a {named.other}, the {named.one} got the higher answer in {won}"
    )


def words_of(results: Results, endpoint: str) -> Row:
    """Return the words of a question: the row of the table of endpoints."""
    return next(row for row in results.endpoints if row["endpoint"] == endpoint)


def effect(results: Results, endpoint: str) -> str:
    """Return the difference in natural units with its interval; that of the primary comparison where it is one."""
    primary = primary_row(results, endpoint)
    own = counts_alike(results) and primary["scale"] == "difference"
    row = primary if own else find(results, endpoint, "difference")
    if row is None or row["estimate"] is None:
        return DASH
    if words_of(results, endpoint)["kind"] == "binary":
        text = f"{number(100 * row['estimate'], 1)} percentage points"
        low, high = (None if v is None else 100 * v for v in (row["ci_low"], row["ci_high"]))
        return text if low is None else f"{text} ({interval(low, high, 1)})"
    text = f"{number(row['estimate'], 2)} points"
    return text if row["ci_low"] is None else f"{text} ({interval(row['ci_low'], row['ci_high'], 2)})"


def _theta(results: Results, endpoint: str, digits: int) -> str:
    """Write theta; without its interval where another comparison is primary, which has the interval of the p shown."""
    row = find(results, endpoint, "u_centred") or primary_row(results, endpoint)
    if counts_alike(results) and results.study["primary_method"] != row["method"]:
        return number(row["estimate"], digits)
    return estimate(row, digits)


def _finding(results: Results, holm: Row) -> Finding:
    row = primary_row(results, holm["endpoint"])
    named = groups_of(results)
    facts = [
        (f"θ ({interval_of(results)})", _theta(results, holm["endpoint"], 2)),
        (f"Difference, {named.one} − {named.other}", effect(results, holm["endpoint"])),
        ("p", p_value(row["p"])),
        *((name, p_value(holm["p_adjusted"])) for name in ADJUSTED[results.study["multiplicity"]]),
        ("Effective readers", number(row["effective_readers"], 1)),
    ]
    notes = [part for part in row["note"].split("; ") if part != DISAGREE] if row["direction"] else []
    return Finding(holm["title"], sentence(results, holm), tuple(facts), "; ".join(notes))


def _primary_grid(results: Results) -> Grid:
    rows = []
    adjusted = ADJUSTED[results.study["multiplicity"]]
    for holm in results.multiplicity:
        row = primary_row(results, holm["endpoint"])
        theta = find(results, holm["endpoint"], "u_centred") or row
        rows.append(
            (
                holm["title"],
                _theta(results, holm["endpoint"], 3),
                number(theta["cliffs_delta"], 2),
                effect(results, holm["endpoint"]),
                number(row["se"], 4),
                number(row["df"], 1),
                p_value(row["p"]),
                *(p_value(holm["p_adjusted"]) for _ in adjusted),
                f"{row['readers'] or 0} / {row['pie_cases'] or 0} / {row['control_cases'] or 0}",
                number(row["effective_readers"], 1),
            )
        )
    declared = results.study["primary_method"]
    what = METHODS[declared][0]
    named = groups_of(results)
    return Grid(
        f"Declared primary: {what}. The answers to {named.ones} against those to {named.others}.",
        (
            "Question",
            f"θ ({interval_of(results)})",
            "Cliff's δ",
            f"Difference ({interval_of(results)})",
            "SE",
            "df",
            "p",
            *adjusted,
            f"Readers / {named.ones} / {named.others}",
            "Effective readers",
        ),
        tuple(rows),
        numeric=frozenset({2, *range(4, 9 + len(adjusted))}),
    )


def sensitivity_section(results: Results) -> Section:
    """Return every method beside the primary one, question by question."""
    blocks: list[Block] = [
        Text(
            "The same question by other methods. Only the method declared primary decides; the others "
            "show whether the conclusion depends on it."
        )
    ]
    for holm in results.multiplicity:
        own = [r for r in results.comparisons if r["endpoint"] == holm["endpoint"] and r["method"] in METHODS]
        blocks.append(_sensitivity_grid(results, holm, own))
    extra = _cannot_assess_grid(results)
    if extra is not None:
        blocks.append(extra)
    blocks.append(
        Text(
            "θ unless said otherwise; differences are in points or, for yes or no, a share from 0 to 1; "
            "mixed models give log odds ratios (0 = no difference).",
            "note",
        )
    )
    return Section("sensitivity", "Sensitivity analyses", tuple(blocks))


def _sensitivity_grid(results: Results, holm: Row, own: list[Row]) -> Grid:
    declared = results.study["primary_method"]
    rows = []
    for row in own:
        name, holds = METHODS[row["method"]]
        mark = " (primary)" if row["method"] == declared else ""
        shown = estimate(row) if row["method"] not in {"permutation", "sign_flip"} else DASH
        note = row["note"] if row["estimate"] is None or row["p"] is None else ""
        remark = note or f"{holds}{caveat(row['note'])}"
        rows.append((name + mark, shown, number(row["df"], 1), p_value(row["p"]), remark))
    return Grid(
        holm["title"],
        ("Method", f"Estimate ({interval_of(results)})", "df", "p", "Holds for, or why there is none"),
        tuple(rows),
        numeric=frozenset({2, 3}),
    )


def _cannot_assess_grid(results: Results) -> Grid | None:
    titles = {row["endpoint"]: row["title"] for row in results.multiplicity}
    rows = []
    for row in results.comparisons:
        for suffix, words in (
            ("_cannot_assess", "share that could not be assessed"),
            ("_worst_rank", "could not be assessed counted as the worst answer"),
        ):
            if row["endpoint"].endswith(suffix):
                title = titles[row["endpoint"].removesuffix(suffix)]
                said = f"{row['direction']}{caveat(row['note'])}" if row["direction"] else row["note"]
                rows.append((f"{title}: {words}", estimate(row), p_value(row["p"]), said))
    if not rows:
        return None
    return Grid(
        "Answers that were not given. Cannot-assess is not missing at random, so its share is compared "
        "as a separate answer.",
        ("Question", f"θ ({interval_of(results)})", "p", "In words"),
        tuple(rows),
        numeric=frozenset({2}),
    )


def subgroup_section(results: Results) -> Section | None:
    """Return the subgroups named in the protocol, or None without any."""
    if not results.subgroups:
        return None
    titles = {row["endpoint"]: row["title"] for row in results.multiplicity}
    blocks: list[Block] = [
        Text(
            "The primary comparison within groups of cases. Explorative: the p-values are not adjusted, "
            "and a group with few cases can show little."
        )
    ]
    blocks.append(
        Picture("subgroups", f"θ in each subgroup of cases with {interval_of(results)}s, by question.")
    )
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


def readers_section(results: Results) -> Section:
    """Return each reader's own result beside the pooled one."""
    text = (
        "θ of each reader (circles, DeLong intervals) and over all readers and cases (diamonds, the "
        f"primary comparison), with {interval_of(results)}s. Right of 0.5 {groups_of(results).ones} got the higher "
        "answers."
    )
    return Section("readers", "Each reader", (Picture("forest", text),))


def answers_section(results: Results) -> Section | None:
    """Return the distribution of the answers, or None where no question has levels."""
    if not results.answers:
        return None
    text = (
        "Every first answer, by arm, centred on the neutral answer: orange is unfavourable, blue favourable."
    )
    return Section("answers", "How the readers answered", (Picture("answers", text),))


def paper_section(results: Results) -> Section:
    """Return the published study's figure and tests, and why their p-values differ."""
    titles = {row["endpoint"]: row["title"] for row in results.multiplicity}
    named = groups_of(results)
    rows = []
    for row in results.paper_compatible:
        primary = primary_row(results, row["endpoint"])
        rows.append(
            (
                titles[row["endpoint"]],
                _mean(row, "pie"),
                _mean(row, "control"),
                p_value(row["kruskal_p"]),
                p_value(row["welch_p"]),
                p_value(row["mannwhitney_p"]),
                p_value(primary["p"]),
            )
        )
    blocks = (
        Text(
            "For comparison with the published study, which pooled all ratings and tested them as if "
            "each were independent."
        ),
        Picture(
            "paper_means",
            "Mean and standard deviation of all ratings pooled, as the published study drew them.",
        ),
        Grid(
            "Ignores reader and case correlation.",
            (
                "Question",
                f"{capital(named.one)}, mean ± SD (n)",
                f"{capital(named.other)}, mean ± SD (n)",
                "Kruskal-Wallis p",
                "Welch p",
                "Mann-Whitney p",
                "Primary p",
            ),
            tuple(rows),
            numeric=frozenset({3, 4, 5, 6}),
        ),
        Text(
            "Why the p-values differ: the pooled tests take every rating as independent evidence. "
            "Ratings of one case by several readers resemble each other, and so do all ratings of one "
            "reader. With readers who share their cases the pooled test therefore finds a difference "
            "where none exists in about a quarter of studies instead of the one in twenty of its level (simulated; "
            "docs/statistics.md); with cases of one's own for each reader it can be too small or too "
            "large. The primary comparison counts how far readers and cases vary, and decides."
        ),
    )
    return Section("published", "As the published study computed it", blocks)


def _mean(row: Row, arm: str) -> str:
    return f"{number(row[f'{arm}_mean'], 2)} ± {number(row[f'{arm}_sd'], 2)} ({row[f'{arm}_n']})"
