"""Whether readers could tell the groups: Bang's blinding index of their guesses (Bang, Ni and Davis 2004)."""

import math

from analysis.stats.rows import critical


def bang_index(right: int, wrong: int, asked: int, level: float) -> tuple[float, float, float]:
    """Return the index of one group with its interval, cut to -1..1.

    1: every guess was right; 0: as many right as wrong, as by chance; -1: every guess was wrong.

    Parameters
    ----------
    right, wrong: guesses; the rest of `asked`, at least 1, could not tell.
    level: of the interval, between 0 and 1.

    Source: Bang, Ni and Davis, Control Clin Trials 2004; 25:143-156: (right - wrong) / asked, with the variance of a
    difference of two shares of one multinomial sample. Guesses are taken as independent.
    """
    for_it, against = right / asked, wrong / asked
    index = for_it - against
    variance = (for_it * (1 - for_it) + against * (1 - against) + 2 * for_it * against) / asked
    half = critical(None, level) * math.sqrt(variance)
    return index, max(-1.0, index - half), min(1.0, index + half)
