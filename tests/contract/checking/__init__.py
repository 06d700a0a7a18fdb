"""One suite for all that checks policies."""
