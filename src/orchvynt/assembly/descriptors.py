"""How many files this process may have open, and how many callers can be connected at once with them."""

import resource
from typing import Final

# For the store, the journal, the admin port, and what is open for a moment.
_RESERVED: Final = 256


def open_files() -> int:
    """As many as this process is allowed to allow itself."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            return soft
    return hard if hard != resource.RLIM_INFINITY else 1 << 30


def connections(files: int, most: int) -> int:
    """At most so many from callers: each may need another one to a provider."""
    return max(1, min(most, (files - _RESERVED) // 2))
