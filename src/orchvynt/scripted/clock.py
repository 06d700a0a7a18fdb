"""The scripted provider's own clock; it shares none with OrchVynt."""

import time


def now_ns() -> int:
    """Nanoseconds since 1970, UTC."""
    return time.time_ns()


def now_s() -> int:
    """Whole seconds since 1970, UTC."""
    return time.time_ns() // 1_000_000_000
