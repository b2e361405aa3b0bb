"""Numbers as people read them, in every sentence, table and figure; files of results hold them in full."""

from collections.abc import Sequence

DASH = "–"
HARD_SPACE = "\N{NO-BREAK SPACE}"


def number(value: float | None, digits: int = 3) -> str:
    """Write a number with a true minus sign, or a dash where none is estimable."""
    if value is None:
        return DASH
    text = f"{value:.{digits}f}"
    return (text.removeprefix("-") if float(text) == 0 else text).replace("-", "−")


def interval(low: float | None, high: float | None, digits: int = 3) -> str:
    """Write the limits of an interval, or a dash."""
    if low is None or high is None:
        return DASH
    return f"{number(low, digits)} to {number(high, digits)}".replace(" ", HARD_SPACE)


def interval_name(level: float) -> str:
    """Name intervals by their level, 0 to 1: "95 % interval"."""
    return f"{100 * level:g} % interval"


def p_value(value: float | None) -> str:
    """Write a p-value as journals do."""
    if value is None:
        return DASH
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def p_equals(value: float, name: str = "p") -> str:
    """Write a p-value with its name: "p = 0.031", "p < 0.001"."""
    return f"{name} {p_value(value)}" if value < 0.001 else f"{name} = {p_value(value)}"


def listed(names: Sequence[str]) -> str:
    """Join names with commas and a last "and"."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
