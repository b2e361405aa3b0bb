"""Images to be read, under opaque keys: decode, strip to pixels, store, serve. Knows no groups of cases."""
