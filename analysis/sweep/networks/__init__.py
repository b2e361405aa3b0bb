"""Architectures, checkpoints and where an ensemble lies."""
