"""Whether more comes than the process gets done, seen by the one queue that all its work stands in: the event loop. Pure; whoever beats
brings the instants.

The idea is CoDel's (RFC 8289): a delay that goes by was a burst, and a queue is there for bursts; one that stands is overload. While it
stands, a window says how many may begin from beat to beat: what was got done lately in `TARGET_NS`. So a turn of the loop is about as
long as that, whatever comes, and the process is never idle for it.
"""

from typing import Final

SECOND: Final = 1_000_000_000
BEAT_NS: Final = 50_000_000
"""Between two beats, if nothing keeps the loop from it."""
TARGET_NS: Final = 200_000_000
BUSY_NS: Final = TARGET_NS // 4
"""A beat that comes so late, and later, had no rest before it."""
STANDS_NS: Final = SECOND // 2
CALM_NS: Final = 2 * SECOND
CROWD: Final = 1_000
"""So many are let in beside the window before anybody is refused: a thousand callers may come at once."""
WINDOW_MIN: Final = 8
"""So many may always begin: else nobody would find out that there is room again."""

# What was got done is remembered for about so long, of the time in which the loop was busy.
_MEMORY_NS: Final = 7 * TARGET_NS
_SCALE: Final = 1_024


class Queue:
    """`since` is the monotonic instant from which the queue stands, None while it does not. `delay_ns` is by how much the last beat was
    late: what comes now waits about as long. `window` is how many may begin until the next beat while it stands."""

    __slots__ = ("_above", "_calm", "_crowd", "_elapsed", "_halves", "delay_ns", "since", "window")

    def __init__(self) -> None:
        self.since: int | None = None
        self.delay_ns = 0
        self.window = WINDOW_MIN
        self._above: int | None = None
        self._calm = 0
        self._elapsed = 0
        self._halves = 0
        self._crowd = CROWD

    def beat(self, now: int, elapsed_ns: int, halves: int, refused: int) -> None:
        """The beat after `elapsed_ns`, in which so many were refused because the queue stands. `halves` are the beginnings and the ends of
        invocations: half of the work of each is done when it comes, half when its answer does."""
        self.delay_ns = delay = max(0, elapsed_ns - BEAT_NS)
        if delay >= BUSY_NS:
            self._measure(elapsed_ns, halves)
        elif refused and self._elapsed:
            # There would have been time for more than the window let in.
            self.window += self.window // 4
            self._halves = self.window * self._elapsed * 2 * _SCALE // TARGET_NS
        if self.since is not None:
            if refused or delay >= BUSY_NS:
                self._calm = now
            elif now - self._calm >= CALM_NS:
                self.since = self._above = None
                self._crowd = CROWD
        elif delay < TARGET_NS:
            self._above = None
        else:
            self._above = now - delay if self._above is None else self._above
            if now - self._above >= STANDS_NS:
                self.since = self._calm = now

    def takes_crowd(self) -> bool:
        """Whether one more finds room beside the window; that is room for one less, until the queue stands no more."""
        found = self._crowd > 0
        self._crowd -= found
        return found

    def _measure(self, elapsed_ns: int, halves: int) -> None:
        """The loop had no rest in this beat: what it got done is what it can."""
        whole = elapsed_ns + _MEMORY_NS
        self._elapsed = self._elapsed * _MEMORY_NS // whole + elapsed_ns
        self._halves = self._halves * _MEMORY_NS // whole + halves * _SCALE
        self.window = max(WINDOW_MIN, self._halves * TARGET_NS // (self._elapsed * 2 * _SCALE))
