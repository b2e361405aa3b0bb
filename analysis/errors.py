"""What the analysis refuses, in words for the person who asked: what was expected, what was found, what to do."""


class RefusedError(ValueError):
    """Something cannot be done as asked; commands tell it without a traceback."""
