"""Break each safety rule in every small way and see whether its tests turn red: `make mutants`."""
