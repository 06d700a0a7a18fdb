"""Where a connection is, in order. From LINGERING on, nothing that the caller sends is read as a request."""

from typing import Final

READING: Final = 0
ANSWERING: Final = 1
LINGERING: Final = 2
CLOSING: Final = 3

NEVER: Final = 1 << 62
"""The deadline of what may take as long as it takes."""
