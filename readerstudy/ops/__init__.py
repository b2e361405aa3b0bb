"""Running a site: set-up, demo, server, doctor."""
