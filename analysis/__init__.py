"""Everything that computes: sweep, findings, selection, statistics. Never imports readerstudy."""
