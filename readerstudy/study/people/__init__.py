"""Who takes part: readers, roles, invitations, and steps that need a second admin."""
