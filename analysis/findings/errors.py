"""The one error of the findings."""


class FindingsError(ValueError):
    """Findings cannot be computed: the message says what was expected, what was found and what to do."""
