"""Sees that somebody set the wall clock: it went another way than the monotonic one.

What is over by a clock that was set forward may not be over, for it may be set back.
"""

import sys
from typing import Final

from orchvynt.ports.clock import Clock

JUMP_NS: Final = 10_000_000_000
DOUBT_NS: Final = 24 * 3_600 * 1_000_000_000
"""So long a clock that was set forward is doubted."""


class ClockJumps:
    """Looked at often, so that a clock which is only slewed has not gone far between two looks."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead = clock.now() - clock.monotonic()
        # Of the first jump forward that is still doubted: when it was seen (monotonic), and how far ahead the clock was before.
        self._doubted: tuple[int, int] | None = None

    def look(self) -> int:
        """By how much the wall clock jumped since the last look (ns); 0 for less than ten seconds."""
        ahead = self._clock.now() - self._clock.monotonic()
        before, self._ahead = self._ahead, ahead
        jumped = ahead - before
        if abs(jumped) < JUMP_NS:
            return 0
        if jumped > 0 and self._doubted is None:
            self._doubted = self._clock.monotonic(), before
        where = "forward" if jumped > 0 else "back"
        sys.stderr.write(
            f"orchvynt: the clock jumped {where} by {abs(jumped) // 1_000_000_000} s; what waits for people keeps the time it has left\n"
        )
        return jumped

    def surely(self) -> int:
        """An instant (ns UTC) that is here also if the clock is set back again: what ended before it is over."""
        now, mono = self._clock.now(), self._clock.monotonic()
        if self._doubted is not None:
            seen, ahead = self._doubted
            if mono - seen < DOUBT_NS:
                return min(now, mono + ahead)
            self._doubted = None
        return now
