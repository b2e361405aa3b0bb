"""What a comparison says in words: direction, decision, interval, p-values.

The results hold these words, and page, report, tables, JSON and command line print them from there. An effect is
claimed only for the primary comparison of a question, by its p-value adjusted as the plan says, at the plan's level.
"""

from collections.abc import Mapping

from analysis.endpoints import Endpoint, capital
from analysis.printed import interval, interval_name, number, p_equals
from analysis.stats.plan import Plan
from analysis.stats.rows import Comparison

DISAGREE = "the interval and the test disagree about whether there is a difference, and the test decides"

SEVERAL: Mapping[str, str] = {
    "holm": "Holm over the primary p-values; confidence intervals are not adjusted",
    "fixed sequence": "Fixed sequence: in their order, each tested at the full level, and only after a verdict on "
    "every one before it; confidence intervals are not adjusted",
    "none": "Not accounted for: each question stands alone",
}
"""How several questions are accounted for."""

ADJUSTED: Mapping[str, tuple[str, ...]] = {
    "holm": ("p (Holm)",), "fixed sequence": ("p (sequence)",), "none": (),
}  # fmt: skip
"""What the adjusted p-value is called; nothing where there is none beside the other."""

TAKEN_BACK: Mapping[str, str] = {
    "holm": "with Holm's correction for the questions asked, chance could explain it",
    "fixed sequence": "a question before it in the fixed sequence has no verdict, so this one has none either",
}
"""What is said where a question's own test finds a difference and the correction for several questions does not."""

OWN_INTERVAL = "the interval is that of this question alone"
"""The fixed sentence that goes with it."""

SCALES: Mapping[str, str] = {"theta": "θ", "difference": "difference"}


def direction(row: Comparison, endpoint: Endpoint, plan: Plan, p_adjusted: float | None = None) -> str:
    """Say in words which arm got the lower answers, and whether that can be concluded.

    Higher answers are better for one question and worse for another, so a bare sign is easily misread.

    Parameters
    ----------
    row: with an estimate, and a p-value where there is one.
    p_adjusted: of the primary comparison of a question; None for every other, which concludes nothing.
    """
    if row.estimate is None:
        raise ValueError("expected an estimate, got none")
    groups = plan.groups
    without = "no verdict can be given" if plan.one_answer else "no p-value can be given"
    if endpoint.margin and row.scale == "difference":
        return _within(row, endpoint, plan, p_adjusted)
    had = endpoint.less if row.estimate < row.null else endpoint.more
    words = capital(f"{groups.ones} had {had} than {groups.others}")
    if balanced := row.estimate == row.null:
        words = f"The answers to {groups.ones} and to {groups.others} were balanced"
    if row.p is None:
        return f"{words} ({without})"
    if balanced:
        return f"{words}, which does not show that there is no difference"
    if row.p >= plan.alpha:
        return f"{words}, but chance could explain it ({p_equals(row.p)})"
    return _claimed(words, row.p, plan, p_adjusted)


def _within(row: Comparison, endpoint: Endpoint, plan: Plan, p_adjusted: float | None) -> str:
    """Say whether a difference is smaller than its margin; that this is not shown does not show the contrary."""
    groups, size, what = plan.groups, in_units(endpoint, endpoint.margin), endpoint.inline
    same = endpoint.aim == "equivalence"
    named = f"{capital(endpoint.aim)} of {groups.ones} {'and' if same else 'to'} {groups.others} in {what}"
    if row.p is None:
        return f"{named} cannot be judged (no verdict can be given)"
    left = "a difference of" if same else f"that {groups.ones} are worse than {groups.others} by"
    if row.p >= plan.alpha:
        return f"{named} was not shown: {left} {size} or more is not ruled out ({p_equals(row.p)})"
    if p_adjusted is not None and p_adjusted >= plan.alpha:
        alone = f"{left} {size} or more is ruled out for this question alone"
        return f"{named} was not shown: {alone}, but {_taken_back(plan, p_adjusted)}"
    shown = (
        f"{groups.ones} and {groups.others} differed by less than {size} in {what}"
        if same
        else f"{groups.ones} were not worse than {groups.others} by {size} or more in {what}"
    )
    return _claimed(f"{capital(shown)} ({endpoint.aim})", row.p, plan, p_adjusted)


def _claimed(words: str, p: float, plan: Plan, p_adjusted: float | None) -> str:
    """Return what a p-value below the level claims, or why it claims nothing."""
    if p_adjusted is None:
        return f"{words} (explorative, not adjusted: {p_equals(p)})"
    if p_adjusted >= plan.alpha:
        return f"{words}, but {_taken_back(plan, p_adjusted)}"
    return words


def _taken_back(plan: Plan, p_adjusted: float) -> str:
    return f"{TAKEN_BACK[plan.multiplicity]} ({p_equals(p_adjusted, 'adjusted p')}); {OWN_INTERVAL}"


def in_units(endpoint: Endpoint, value: float) -> str:
    """Write a difference in the natural unit of an endpoint: percentage points, points of a scale, a number's unit."""
    if endpoint.kind == "binary":
        return f"{100 * value:g} percentage points"
    points = "point" if value == 1 else "points"
    return f"{value:g} {endpoint.unit if endpoint.kind == 'number' else points}".strip()


def disagree(row: Comparison, level: float) -> bool:
    """Whether the interval of a level and the p-value of a row say different things; the row is noted `DISAGREE`."""
    if row.p is None or row.ci_low is None or row.ci_high is None:
        return False
    return (row.ci_low <= row.null <= row.ci_high) == (row.p < 1 - level)


def caveat(note: str) -> str:
    """Return how a sentence on a comparison goes on when its interval and its test disagree."""
    return f"; {DISAGREE}" if DISAGREE in note else ""


def in_words(row: Comparison) -> str:
    """Return what the primary comparison of a question concludes, or why it concludes nothing."""
    return f"{row.direction}{caveat(row.note)}" if row.direction else row.note


def in_numbers(row: Comparison, plan: Plan, p_adjusted: float | None) -> str:
    """Return the estimate of a primary comparison with its interval, and its p-values."""
    parts = [] if row.estimate is None else [f"{SCALES[row.scale]} {number(row.estimate)}"]
    if row.ci_low is not None:
        level = row.extra.get("interval_level", plan.level)
        parts.append(f"{interval_name(level)} {interval(row.ci_low, row.ci_high)}")
    if row.effective_readers is not None:
        parts.append(f"effective readers {number(row.effective_readers, 1)}")
    if row.p is not None and p_adjusted is not None:
        parts += [p_equals(row.p), *(p_equals(p_adjusted, name) for name in ADJUSTED[plan.multiplicity])]
    return ", ".join(parts)
