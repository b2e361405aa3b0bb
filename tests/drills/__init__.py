"""Long trials under faults, made on purpose and seeded."""
