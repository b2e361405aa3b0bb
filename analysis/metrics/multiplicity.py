"""Holm's adjustment for several p-values."""

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
