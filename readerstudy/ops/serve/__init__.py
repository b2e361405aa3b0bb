"""Set a site up and serve it: processes, readiness, small files, what a person sees when nothing works."""
