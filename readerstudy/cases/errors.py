"""What goes wrong with stored frames."""


class StorageError(Exception):
    """Frame files cannot be written, or what was written is not there as it was."""
