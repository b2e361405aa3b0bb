"""What goes wrong with stored frames."""


class StorageError(Exception):
    """Frame files cannot be written, or what was stored has changed."""
