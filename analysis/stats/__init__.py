"""Statistics of the reader study: pure functions over tidy frames, no database, no settings, no plotting.

Own code: no kept-up library of Python has readers and cases both random, and what there is in R and Java is compared
with (docs/statistics.md). 20 readers and 400 cases take 6 s with 173 MiB (`python -m bench.reader_statistics`).
"""

from analysis.stats.intake import check, read_ratings
from analysis.stats.plan import PRIMARY, PRIMARY_METHODS, Plan
from analysis.stats.results import Results
from analysis.stats.rows import StatsError
from analysis.stats.simulate import simulate_study
from analysis.stats.study import (
    Settings,
    analyse,
    analyse_file,
    analyse_with,
    read_planned,
    read_settings,
    read_subgroups,
)

__all__ = [
    "PRIMARY",
    "PRIMARY_METHODS",
    "Plan",
    "Results",
    "Settings",
    "StatsError",
    "analyse",
    "analyse_file",
    "analyse_with",
    "check",
    "read_planned",
    "read_ratings",
    "read_settings",
    "read_subgroups",
    "simulate_study",
]
