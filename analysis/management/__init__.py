"""Management commands: thin wrappers around the services."""
