"""The named error of an import. Each message says what was expected, what was found and what to do."""

from analysis.errors import RefusedError


class PredictionsError(RefusedError):
    """Released predictions that cannot be read, or that do not belong to the label file."""
