"""What pruning makes a classifier forget: pure functions from the tables of a run to tables of findings.

No database, no settings, no plotting; every random step has a seed.
"""
