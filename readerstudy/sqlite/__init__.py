"""Django's SQLite backend, but for how a transaction waits for its turn; `base` is where Django looks for it."""
