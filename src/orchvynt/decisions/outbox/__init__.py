"""Which messages are sent when, and what is told of many reviews at once."""
