"""Protocol, phases, assignments and answers; the reading room. Blind."""
