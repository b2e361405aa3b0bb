"""What the site refuses, in words for the person who asked: what was expected, what was found, what to do."""


class RefusedError(Exception):
    """Something cannot be done as asked; commands tell it without a traceback, pages at their top."""
