"""The named error of an import. Each message says what was expected, what was found and what to do."""


class PredictionsError(ValueError):
    """Released predictions that cannot be read, or that do not belong to the label file."""
