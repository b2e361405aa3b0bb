"""Append-only, hash-chained events; the lowest app, used by all others."""
