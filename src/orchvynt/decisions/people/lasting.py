"""How long a session lasts: it has an end whatever happens, and an earlier one where nobody uses it. Instants are ns UTC."""

from typing import Final

import msgspec

MINUTE: Final = 60 * 1_000_000_000
HOUR: Final = 60 * MINUTE


class Lasting(msgspec.Struct, frozen=True):
    """`whole_ns` from the login on, `idle_ns` from the last use on."""

    whole_ns: int
    idle_ns: int


BROWSER: Final = Lasting(12 * HOUR, 2 * HOUR)
PROGRAM: Final = Lasting(7 * 24 * HOUR, 24 * HOUR)
TOUCH_NS: Final = MINUTE
"""Its last use is written down about so often."""


def lasting(program: bool) -> Lasting:
    """Of the command line, or of a browser."""
    return PROGRAM if program else BROWSER


def is_over(program: bool, used_at: int, ends_at: int, now: int) -> bool:
    return now >= ends_at or now - used_at >= lasting(program).idle_ns
