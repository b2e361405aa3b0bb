"""The one error of the hand-over."""


class CaseSetError(ValueError):
    """A case set cannot be written, read or believed: the message names file, wanted and found."""
