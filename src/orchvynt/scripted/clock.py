"""The scripted provider's own clock; it shares none with OrchVynt."""

import time


def now_ns() -> int:
    """Nanoseconds since 1970, UTC."""
    return time.time_ns()
