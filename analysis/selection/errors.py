"""The one error of the selection."""


class SelectionError(ValueError):
    """A selection cannot be made: the message names the file or column, what was expected and what was found."""
