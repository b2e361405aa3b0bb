"""What pruning makes a classifier forget: pure functions from the tables of a run to tables of findings.

No database, no settings, no plotting; every random step has a seed.
"""

from analysis.findings.analyse import analyse
from analysis.findings.correlation import correlate, frequency_rows
from analysis.findings.forgettability import Curves, class_rows, first_drop, forgettability
from analysis.findings.mantel import mantel
from analysis.findings.overall import first_significant_drop, overall_impact
from analysis.findings.pairs import (
    co_occurrence,
    curve_dissimilarity,
    frequency_difference,
    pair_rows,
    relation_rows,
)
from analysis.findings.precision import FindingsError, Precision, read_precision
from analysis.findings.representation import representation_rows, share_ratio
from analysis.findings.results import Findings, refuse_used_folder

__all__ = [
    "Curves",
    "Findings",
    "FindingsError",
    "Precision",
    "analyse",
    "class_rows",
    "co_occurrence",
    "correlate",
    "curve_dissimilarity",
    "first_drop",
    "first_significant_drop",
    "forgettability",
    "frequency_difference",
    "frequency_rows",
    "mantel",
    "overall_impact",
    "pair_rows",
    "read_precision",
    "refuse_used_folder",
    "relation_rows",
    "representation_rows",
    "share_ratio",
]
