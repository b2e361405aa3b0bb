"""Train the networks of an ensemble."""
