"""Which images pruning makes a classifier forget, and which images to compare them with.

Pure functions over arrays and frames: exemplars (PIEs) by a named criterion, a seeded sample of them,
controls drawn at random or matched by optimal assignment, and the balance of the result.
"""

from analysis.selection.choose import Selection, SelectionSpec, select
from analysis.selection.criteria import CRITERIA, SelectionError
from analysis.selection.exemplars import Exemplars, find_in_run
from analysis.selection.matching import Nearest
from analysis.selection.store import Run, read_run

__all__ = [
    "CRITERIA",
    "Exemplars",
    "Nearest",
    "Run",
    "Selection",
    "SelectionError",
    "SelectionSpec",
    "find_in_run",
    "read_run",
    "select",
]
