"""People, their roles on the site, and signing in."""
