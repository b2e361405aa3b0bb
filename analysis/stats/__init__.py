"""Statistics of the reader study: pure functions over tidy frames, no database, no settings, no plotting."""

from analysis.stats.errors import NotComparableError, StatsError
from analysis.stats.intake import Checked, check, read_ratings
from analysis.stats.plan import PRIMARY, PRIMARY_METHODS, Plan
from analysis.stats.results import Results
from analysis.stats.simulate import Latent, simulate_study
from analysis.stats.study import analyse, analyse_file, read_subgroups

__all__ = [
    "PRIMARY",
    "PRIMARY_METHODS",
    "Checked",
    "Latent",
    "NotComparableError",
    "Plan",
    "Results",
    "StatsError",
    "analyse",
    "analyse_file",
    "check",
    "read_ratings",
    "read_subgroups",
    "simulate_study",
]
