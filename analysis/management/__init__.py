"""Management commands: thin doors to the services."""
