"""The researcher's pages: one module per subject."""
