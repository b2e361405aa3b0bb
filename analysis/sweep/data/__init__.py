"""Images, labels and splits of a run, and the cache of decoded pixels."""
