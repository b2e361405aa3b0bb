"""Adjustments for several p-values: Holm's, and a fixed sequence."""

from collections.abc import Sequence


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjust p-values for the number of endpoints (Holm 1979, Scand J Stat 6:65).

    The number of hypotheses is that of all given: one that is not estimable (None) stays None but still counts, as
    the largest p-value would.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    adjusted: list[float | None] = [None] * len(p_values)
    ranked = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    largest = 0.0
    for k, (p, index) in enumerate(ranked):
        largest = max(largest, min(1.0, (len(p_values) - k) * p))
        adjusted[index] = largest
    return adjusted


def fixed_sequence(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjust p-values that are tested in their order, each at the full level, until one fails (Maurer and others 1995).

    The adjusted p-value is the largest so far. One that is not estimable (None) stays None and ends the sequence.

    >>> fixed_sequence([0.01, 0.04, None, 0.001])
    [0.01, 0.04, None, 1.0]
    """
    adjusted: list[float | None] = []
    largest = 0.0
    for p in p_values:
        largest = max(largest, 1.0 if p is None else p)
        adjusted.append(None if p is None else largest)
    return adjusted
