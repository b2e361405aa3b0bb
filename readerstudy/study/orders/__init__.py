"""Which cases each reader gets, and in which order: drawn once, stored, disclosed after unblinding."""
