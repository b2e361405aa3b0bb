"""Architectures, checkpoints and where an ensemble is stored."""
