"""Where the seal is broken: the only join of ratings and arms."""
