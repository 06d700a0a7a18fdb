"""The store and the journal without a disk: for tests, and for `--store memory:`. They pass the same contract suites."""
