"""Variances to plan with from a finished study: those of its mixed model, on the scale that planning assumes."""

import math
from typing import Any

from scipy.optimize import brentq

from analysis.endpoints import Endpoint
from analysis.stats import Results, StatsError
from analysis.stats.planning import latent_pilot
from analysis.stats.simulate import Latent

MIXED = ("clmm", "logistic_mixed")
LOGISTIC = math.pi**2 / 3
"""Variance of the residual of a mixed model on the log odds scale."""
MOST = 5.0


def variances_of(results: Results, endpoint: Endpoint) -> dict[str, float]:
    """Return the variances of readers, cases, residual and readers' differences that a finished study had.

    The mixed model has those of readers and cases on the log odds scale beside a residual of pi squared over 3; they
    are scaled so that cases and residual add up to 1, as in the calibration. Where readers share no case these two
    cannot be told apart, and are halves. The variance of readers' differences is the one for which the latent model
    gives the readers' thetas the variance that Obuchowski and Rockette's analysis found beyond chance.

    Raises
    ------
    StatsError: the study did not test this question, or no mixed model could be fitted to it.
    """
    rows: dict[str, dict[str, Any]] = {
        r["method"]: r for r in results.comparisons if r["endpoint"] == endpoint.name
    }
    mixed = next((rows[name] for name in MIXED if name in rows and rows[name]["estimate"] is not None), None)
    between = rows.get("or_centred", rows.get("or_jackknife", {})).get("variance_readers")
    if mixed is None or between is None:
        raise StatsError(
            f"expected a finished study with a mixed model and two readers or more for '{endpoint.name}'; "
            "it has none, so give the variances by hand"
        )
    cases = LOGISTIC if mixed["variance_case"] is None else mixed["variance_case"]
    unit = 1 / (cases + LOGISTIC)
    found = {"reader": mixed["variance_reader"] * unit, "case": cases * unit, "rest": LOGISTIC * unit}

    def beyond(value: float) -> float:
        model = Latent(**found, reader_by_arm=value)
        return latent_pilot(model, endpoint, cases=40)[0].readers - float(between)

    ends = beyond(0.0) >= 0, beyond(MOST) <= 0
    slope = 0.0 if ends[0] else MOST if ends[1] else float(brentq(beyond, 0.0, MOST, xtol=1e-4))
    return {name: round(min(value, MOST), 4) for name, value in {**found, "reader_by_arm": slope}.items()}
