"""The embedded default: one SQLite file in write-ahead mode, one thread that writes, one that reads."""
