"""Which images pruning makes a classifier forget, and which images to compare them with.

Pure functions over arrays and frames: exemplars (PIEs) by a named criterion, a seeded sample of them,
controls drawn at random or matched by optimal assignment, and the balance of what came out.
"""

from analysis.selection.choose import Selection, SelectionSpec, select
from analysis.selection.covariates import balance_table
from analysis.selection.criteria import CRITERIA, Criterion, SelectionError
from analysis.selection.exemplars import Exemplars, find_exemplars, find_in_run
from analysis.selection.matching import Matching, Nearest, match
from analysis.selection.sampling import draw_sample
from analysis.selection.store import Run, read_run

__all__ = [
    "CRITERIA",
    "Criterion",
    "Exemplars",
    "Matching",
    "Nearest",
    "Run",
    "Selection",
    "SelectionError",
    "SelectionSpec",
    "balance_table",
    "draw_sample",
    "find_exemplars",
    "find_in_run",
    "match",
    "read_run",
    "select",
]
