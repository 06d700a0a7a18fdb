"""Sees that somebody set the wall clock: it went another way than the monotonic one."""

import sys
from typing import Final

from orchvynt.ports.clock import Clock

JUMP_NS: Final = 10_000_000_000


class ClockJumps:
    """Looked at often, so that a clock which is only slewed has not gone far between two looks."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead = clock.now() - clock.monotonic()

    def look(self) -> int:
        """By how much the wall clock jumped since the last look (ns); 0 for less than ten seconds."""
        ahead = self._clock.now() - self._clock.monotonic()
        jumped, self._ahead = ahead - self._ahead, ahead
        if abs(jumped) < JUMP_NS:
            return 0
        where = "forward" if jumped > 0 else "back"
        sys.stderr.write(
            f"orchvynt: the clock jumped {where} by {abs(jumped) // 1_000_000_000} s; what waits for people keeps the time it has left\n"
        )
        return jumped
