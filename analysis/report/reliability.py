"""Agreement between and within readers, reading times, what was not answered, and what is not tested."""

from math import floor, log10

from analysis.endpoints import capital
from analysis.figures.described import Described
from analysis.printed import DASH, interval, number, p_value
from analysis.report.document import Background, Block, Grid, Picture, Section, Text
from analysis.report.flow import LOST, WORDS, arm_totals
from analysis.report.words import TEXTS, estimate, groups_of, interval_of, percent, planned_words, prose
from analysis.stats import Results
from analysis.stats.blinding import bang_index
from analysis.stats.rows import Row

BANG = "Bang's blinding index"


def agreement_section(results: Results) -> Section:
    """Return agreement between readers (overall and per arm) and of each reader with the own first reading."""
    titles = {row["endpoint"]: row["title"] for row in results.multiplicity}
    blocks: list[Block] = [Text(prose("agreement", results))]
    for endpoint, title in titles.items():
        own = [row for row in results.agreement if row["endpoint"] == endpoint]
        blocks.append(_agreement_grid(title, own, ("All cases", *groups_of(results).both)))
    blocks.append(Text(prose("agreement_intervals", results), "note"))
    blocks += _intra(results, titles)
    return Section("agreement", "Agreement", tuple(blocks))


def _agreement_grid(title: str, own: list[Row], scopes: tuple[str, ...]) -> Grid:
    def cells(statistic: str, name: str) -> dict[str, str]:
        found = {row["scope"]: row for row in own if row["statistic"] == statistic}
        shown = (_coefficient(found.get(scope)) for scope in ("all", "pie", "control"))
        missing = dict.fromkeys(row["note"] for row in found.values() if row["value"] is None)
        return {
            "Statistic": name,
            **dict(zip(scopes, shown, strict=True)),
            "Remark": "; ".join(missing),
        }

    return Grid.of(title, (cells(*each) for each in TEXTS["agreement"].items()))


def _coefficient(row: Row | None) -> str:
    if row is None or row["value"] is None:
        return DASH
    scale = 100 if row["statistic"] == "percent_agreement" else 1
    digits = 0 if scale > 1 else 2
    low, high = (None if row[name] is None else scale * row[name] for name in ("ci_low", "ci_high"))
    limits = "" if low is None else f" ({interval(low, high, digits)})"
    return f"{number(scale * row['value'], digits)}{' %' if scale > 1 else ''}{limits}"


def _intra(results: Results, titles: dict[str, str]) -> list[Block]:
    if not results.intra_reader:
        return [Text("No case was shown twice to a reader: agreement within readers is not estimable.")]

    def cells(row: Row) -> dict[str, str]:
        return {
            "Question": titles[row["endpoint"]],
            "Reader": row["reader"] or "All",
            "Pairs": str(row["n"]),
            "Same answer": f"{row['n_same']} of {row['n']}{_limits(row, 'same_low', 'same_high')}",
            "Weighted κ": f"{number(row['weighted_kappa'], 2)}{_limits(row, 'kappa_low', 'kappa_high')}",
            "Shift, second − first": f"{number(row['mean_shift'], 2)}{_limits(row, 'ci_low', 'ci_high')}",
            "Remark": row["note"],
        }

    return [Grid.of(prose("intra", results), map(cells, results.intra_reader))]


def _limits(row: Row, low: str, high: str) -> str:
    return "" if row[low] is None else f" ({interval(row[low], row[high], 2)})"


def order_section(results: Results) -> Section:
    """Return whether the arms stood evenly in the order, and how answers drifted along it."""
    if not results.order:
        return Section("order", "Order and learning", (Text("The order of reading is not known."),))
    titles = {row["endpoint"]: row["title"] for row in results.multiplicity}
    titles["position"] = "Place in the order"
    named = groups_of(results)

    def cells(row: Row) -> dict[str, str]:
        lowest = row["lowest"]
        return {
            "Question": titles[row["endpoint"]],
            "What": TEXTS["order"][row["measure"]].format(ones=named.ones, others=named.others),
            f"Mean over readers ({interval_of(results)})": estimate(row, 2),
            "p": p_value(row["p"]),
            "Lowest to highest reader": DASH if lowest is None else interval(lowest, row["highest"], 2),
            "Remark": row["note"],
        }

    blocks = (Text(prose("order", results)), Grid.of("", map(cells, results.order)))
    return Section("order", "Order and learning", blocks)


def times_section(results: Results, *, declared: bool) -> Section:
    """Return the comparison of reading times; `declared`: their rule was fixed before reading."""
    if not results.reading_time:
        return Section("times", "Reading times", (Text("No reading times were recorded."),))
    named = groups_of(results)

    def cells(row: Row) -> dict[str, str]:
        name, remark = TEXTS["times"][row["method"]]
        return {
            "Method": name.format(one=named.one, other=named.other),
            f"Estimate ({interval_of(results)})": estimate(row),
            "df": number(row["df"], 1),
            "p": p_value(row["p"]),
            "Remark": row["note"] or remark,
        }

    first = results.reading_time[0]
    fixed = "the rule was fixed beforehand: " if declared else ""
    rule = fixed + times_rule(first["shortest_s"], first["longest_s"])
    counts = {name: first[name] for name in ("n_used", "n_excluded", "n_without_time")}
    blocks = (
        Text(prose("times", results)),
        Grid.of("", map(cells, results.reading_time)),
        Text(prose("times_used", results, rule=rule, **counts), "note"),
    )
    return Section("times", "Reading times", blocks)


def times_rule(shortest: float | None, longest: float | None) -> str:
    """Say in words which times are left out."""
    parts = ["not positive"]
    if shortest:
        parts.append(f"below {shortest:g} s")
    if longest:
        parts.append(f"above {longest:g} s, taken as interrupted")
    return ", ".join(parts)


def missing_section(results: Results, background: Background) -> Section:
    """Return what was not answered, by question and arm, and by reader."""
    titles = {row["endpoint"]: row["title"] for row in results.multiplicity}
    named = groups_of(results)
    totals = [
        {
            "Question": title,
            "Arm": name,
            planned_words(results, background)["count"]: str(total["n"]),
            "Answered": str(total["answered"]),
            **{capital(WORDS[kind]): str(total[kind]) for kind in LOST},
            "Without an answer": percent(1 - total["answered"] / total["n"]) if total["n"] else DASH,
        }
        for endpoint, title in titles.items()
        for arm, name in zip((1, 0), named.both, strict=True)
        if (total := arm_totals(results, arm).get(endpoint))
    ]

    def apart(row: Row) -> dict[str, str]:
        share = row["risk_difference"]
        return {
            "Question": titles[row["endpoint"]],
            "Difference": DASH if share is None else f"{number(100 * share, 1)} percentage points",
            "p": p_value(row["p"]),
            "Remark": row["note"],
        }

    blocks: tuple[Block, ...] = (
        Grid.of(prose("missing", results), totals),
        Grid.of(
            prose("missing_by_arm", results),
            map(apart, (row for row in results.missing if row["reader"] is None)),
        ),
        _by_reader(results),
        Text(prose("missing_at_random", results)),
    )
    return Section("missing", "What was not answered", blocks)


def _by_reader(results: Results) -> Grid:
    titles = {row["endpoint"]: row["title"] for row in results.endpoints}
    cells: dict[str, dict[tuple[str, int], str]] = {}
    for row in results.missing:
        if row["reader"] is not None and row["arm"] is not None:
            gone = row["n"] - row["answered"]
            cells.setdefault(row["reader"], {})[row["endpoint"], row["arm"]] = f"{gone} of {row['n']}"
    columns = [(endpoint, arm) for endpoint in titles for arm in (1, 0)]
    named = (groups_of(results).others, groups_of(results).ones)
    heads = [f"{titles[endpoint]}, {named[arm]}" for endpoint, arm in columns]
    rows = tuple((reader, *(own.get(column, DASH) for column in columns)) for reader, own in cells.items())
    return Grid("Without an answer, by reader.", ("Reader", *heads), rows)


def described_section(results: Results, background: Background) -> Section | None:
    """Return how the questions that are not endpoints were answered, or None where all are."""
    if not background.described:
        return None
    named = groups_of(results).both
    blocks: list[Block] = [
        Text(prose("described", results)),
        Picture("described", prose("described_shown", results)),
    ]
    for each in background.described:
        rows = [("Answered", *(f"{a} of {n}" for a, n in zip(each.answered, each.planned, strict=True)))]
        rows += [
            (name, *(_cell(each, place, values[place]) for place in (0, 1))) for name, values in each.rows
        ]
        if each.guess:
            rows.append((BANG, *(_bang(each, place, results.study["interval_level"]) for place in (0, 1))))
        blocks.append(Grid(each.question, ("Answer", *named), tuple(rows)))
        blocks += [Text(prose("guessed", results), "note")] if each.guess else []
    return Section("described", "Other questions", tuple(blocks))


def _bang(each: Described, place: int, level: float) -> str:
    """Write the index of a group with its interval; answers that were not given are no guesses."""
    if not each.answered[place]:
        return DASH
    right, wrong = (int(each.rows[k][1][place] or 0) for k in (place, 1 - place))
    index, low, high = bang_index(right, wrong, each.answered[place], level)
    # Where everybody guessed alike the variance is 0, which says nothing of how sure that is.
    return f"{number(index, 2)} ({'no interval' if low == high else interval(low, high, 2)})"


def _cell(each: Described, place: int, value: float | None) -> str:
    if value is None:
        return DASH
    if each.number:
        # Four thousandths of a millilitre are not 0.00 ml.
        digits = 1 - floor(log10(abs(value))) if 0 < abs(value) < 0.1 else 2
        return f"{number(value, digits)} {each.unit}".strip()
    share = value / each.answered[place] if each.answered[place] else None
    return f"{value:.0f} ({percent(share)})"
