"""Planning: power of a reader study for a given difference, and the design that reaches it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from scipy import stats

from analysis.stats.errors import StatsError
from analysis.stats.inference import ALPHA
from analysis.stats.obuchowski_rockette import Components


@dataclass(frozen=True)
class Pilot:
    """Variances to plan with, from a pilot or an assumption; all on the scale of theta.

    `readers`: variance of the readers' own thetas beyond chance (>= 0); `error`: variance of one reader's theta
    over cases; `covariance`: of two readers' thetas over cases (0 when no case is shared); `cases`: number of
    cases per reader at which error and covariance hold.
    """

    readers: float
    error: float
    covariance: float
    cases: int

    @classmethod
    def from_components(cls, parts: Components, cases: int) -> "Pilot":
        """Take the variances of a finished study; a negative variance of readers is set to zero."""
        readers = max(parts.ms_readers - parts.error + parts.between, 0.0)
        return cls(readers, parts.error, parts.clipped, cases)


@dataclass(frozen=True)
class Power:
    """Power of a design (0..1), with the non-centrality and the degrees of freedom behind it."""

    readers: int
    cases: int
    power: float
    ncp: float
    df: float


def power(pilot: Pilot, *, readers: int, cases: int, delta: float, alpha: float = ALPHA) -> Power:
    """Return the power to find theta = 0.5 + delta with readers and cases random.

    Parameters
    ----------
    pilot: variances.
    readers: planned, at least 2.
    cases: planned per reader.
    delta: theta - 0.5; a risk difference RD is delta = RD / 2.
    alpha: two-sided level.

    Notes
    -----
    Single-test analogue of Hillis, Obuchowski and Berbaum 2011 (Acad Radiol 18:129, eq. 10): the variance of
    test x reader becomes that of readers, Cov1 is 0, Cov2 - Cov3 is Cov2. Readers dominate: with six readers of
    their own cases there are five degrees of freedom whatever the number of cases.
    """
    if readers < 2 or cases < 2:
        raise StatsError(f"expected at least 2 readers and 2 cases, got {readers} and {cases}")
    shrink = pilot.cases / cases
    spread = pilot.readers + shrink * (pilot.error + (readers - 1) * pilot.covariance)
    own = pilot.readers + shrink * (pilot.error - pilot.covariance)
    if not spread > 0 or not own > 0:
        raise StatsError("expected variances that add up to more than 0; give a pilot with variation")
    df = spread**2 * (readers - 1) / own**2
    ncp = readers * delta**2 / spread
    limit = float(stats.f.isf(alpha, 1, df))
    chance = float(stats.ncf.sf(limit, 1, df, ncp)) if ncp > 0 else alpha
    return Power(readers, cases, chance, ncp, df)


def smallest_design(
    pilot: Pilot,
    *,
    delta: float,
    wanted: float = 0.8,
    readers: Iterable[int] = range(2, 31),
    most_cases: int = 2_000,
    alpha: float = ALPHA,
) -> list[Power]:
    """Return, for each number of readers, the fewest cases that reach the wanted power.

    Numbers of readers for which even `most_cases` do not suffice are left out.
    """
    found = []
    for n in readers:
        if power(pilot, readers=n, cases=most_cases, delta=delta, alpha=alpha).power < wanted:
            continue
        low, high = 1, most_cases
        while high - low > 1:
            middle = math.ceil((low + high) / 2)
            enough = power(pilot, readers=n, cases=middle, delta=delta, alpha=alpha).power >= wanted
            low, high = (low, middle) if enough else (middle, high)
        found.append(power(pilot, readers=n, cases=high, delta=delta, alpha=alpha))
    return found
