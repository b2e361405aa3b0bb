"""Planning a study: power for a design, by formula and by simulation. Knows no case and no answer."""
