"""One run: prepare, choose an engine, predict unit by unit, finish."""
