"""Numbers as a report prints them; full precision stays in results.json."""

from analysis.stats.rows import Row

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


def estimate(row: Row, digits: int = 3) -> str:
    """Write an estimate with its 95 % interval in brackets."""
    if row["ci_low"] is None:
        return number(row["estimate"], digits)
    return f"{number(row['estimate'], digits)}{HARD_SPACE}({interval(row['ci_low'], row['ci_high'], digits)})"


def p_value(value: float | None) -> str:
    """Write a p-value as journals do."""
    if value is None:
        return DASH
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def percent(value: float | None) -> str:
    """Write a share (0..1) in whole per cent."""
    return DASH if value is None else f"{100 * value:.0f} %"


def plural(count: int, noun: str, many: str = "") -> str:
    """Write a count with its noun."""
    return f"{count} {noun if count == 1 else many or noun + 's'}"


def listed(names: "list[str] | tuple[str, ...]") -> str:
    """Join names with commas and a last "and"."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
