"""Odd little studies, drawn at random: whatever cannot be computed is a row with its reason, never an error.

One to four readers, one to six cases of a group, uneven loads, readers of one answer, holes in answers and times, sets
and patients in any mixture, every declared analysis. Some hundreds were drawn by hand when this was written (1,100
seeds); the first seeds below are those that had failed.
"""

import math
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.endpoints import PAPER, Endpoint
from analysis.report import reader_study_report
from analysis.stats import Plan, analyse
from analysis.stats.rows import StatsError

SIZE = Endpoint("size", "How large?", "Size", "number", worse="high", low=0, high=100, unit="mm")
FAILED = (28, 426)
"""An intraclass correlation without limits; hidden repeats alone."""


def answer(rng, endpoint, constant):
    if constant:
        return endpoint.values[0] if endpoint.values else 5.0
    if endpoint.kind == "number":
        return float(rng.integers(0, 3) * 10) if rng.random() < 0.7 else float(rng.random() * 100)
    return int(rng.choice(endpoint.values)) if rng.random() < 0.8 else endpoint.values[0]


def seconds(rng):
    if rng.random() < 0.2:
        return math.nan
    return (
        float(rng.choice([0, 1, 5, 5, 5, 10, 1000]))
        if rng.random() < 0.7
        else float(np.exp(rng.normal(3, 1)))
    )


def drawn(rng):
    """Draw ratings and the questions that they answer."""
    readers, ones, others = (int(rng.integers(1, most)) for most in (5, 7, 7))
    cases, matched = [f"C{k}" for k in range(ones + others)], rng.random() < 0.5
    pairs = [f"S{int(rng.integers(0, 4))}" if matched and rng.random() < 0.8 else "" for _ in cases]
    known = rng.random() < 0.5
    patients = [f"P{int(rng.integers(0, 5))}" if rng.random() < 0.8 else "" for _ in cases]
    asked = (SIZE,) if rng.random() < 0.4 else PAPER
    rows, gone = [], rng.choice([0, 0, 0.3, 0.7])
    for reader in range(readers):
        load, constant = rng.random() * 0.9 + 0.1 if rng.random() < 0.4 else 1, rng.random() < 0.25
        for presentation in (1, 2):
            for k, case in enumerate(cases):
                if rng.random() > load or (presentation == 2 and rng.random() < 0.7):
                    continue
                row = {"reader": f"R{reader}", "case": case, "arm": int(k < ones), "pair": pairs[k],
                       "batch": str(reader % 2), "presentation": presentation, "position": len(rows) + 1,
                       "time_s": seconds(rng), **({"patient": patients[k]} if known else {})}  # fmt: skip
                for each in asked:
                    missing = rng.random() < gone
                    row[each.name] = math.nan if missing else answer(rng, each, constant)
                    row[each.status] = rng.choice(each.missing) if missing else "answered"
                rows.append(row)
    return pd.DataFrame(rows), asked


def declared(rng, asked):
    """Draw an analysis of these questions."""
    plan = Plan(
        endpoints=asked, primary=str(rng.choice(["u_centred", "theta_set"])), alpha=float(rng.choice([0.05, 0.01])),
        multiplicity=str(rng.choice(["holm", "fixed sequence", "none"])),
    )  # fmt: skip
    if rng.random() < 0.3:
        aim = str(rng.choice(["equivalence", "non-inferiority"]))
        margins = (replace(each, aim=aim, margin=0.2 if each.kind == "binary" else 1.0) for each in asked)
        plan = replace(plan, endpoints=tuple(margins))
    if rng.random() < 0.2:
        return Plan(
            endpoints=asked, version=int(rng.integers(1, 4)), primary=str(rng.choice(["u_centred", "pairs"]))
        )
    return plan


@pytest.mark.parametrize("seed", [*FAILED, *range(9000, 9006)])
def test_a_study_is_analysed_or_refused_in_words(seed):
    rng = np.random.default_rng(seed)
    ratings, asked = drawn(rng)
    assert len(ratings)
    plan = declared(rng, asked)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            results = analyse(ratings, seed=1, draws=20, bootstraps=20, plan=plan, partial=True)
        except StatsError:
            assert not (ratings["presentation"] == 1).any()
            return
        results.to_json()  # refuses what is no number
        reader_study_report(results)
    for row in results.comparisons:
        assert row["estimate"] is not None or row["note"]
