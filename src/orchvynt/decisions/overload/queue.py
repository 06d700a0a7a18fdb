"""Whether more comes than the process gets done, seen by the one queue that all its work stands in: the event loop. Pure; whoever beats
brings the instants.

The idea is CoDel's (RFC 8289): a delay that goes by was a burst, and a queue is there for bursts; one that stands is overload. While it
stands, a window says how many may begin from beat to beat: as many as take the loop's thread `TURN_NS`, by what they took it lately. So a
turn of the loop is about as long as that, whatever comes, and the process is never idle for it. The thread's own CPU time is what is
counted: of the time that goes by, a neighbour on the machine may have had its part.
"""

from typing import Final

SECOND: Final = 1_000_000_000
BEAT_NS: Final = 15_000_000
"""Between two beats while the queue stands, if nothing keeps the loop from it."""
SELDOM_NS: Final = 50_000_000
"""Between two beats while it does not: a process with nothing to do is woken no oftener."""
TURN_NS: Final = 40_000_000
LATE_NS: Final = 200_000_000
"""A delay that does not go by, if it stays so long."""
BUSY_NS: Final = 10_000_000
"""A beat that comes so late, and later, had no rest before it."""
IDLE_BEATS: Final = 32
"""About so many beats say together whether there is room for more."""
STANDS_NS: Final = SECOND // 2
CALM_NS: Final = 2 * SECOND
CROWD: Final = 1_000
"""So many are let in beside the window before anybody is refused: a thousand callers may come at once."""
WINDOW_MIN: Final = 8
"""So many may always begin: else nobody would find out that there is room again."""

# What was got done is remembered for about so long, of the time in which the loop was busy.
_MEMORY_NS: Final = SECOND // 2
_SCALE: Final = 1_024


class Queue:
    """`since` is the monotonic instant from which the queue stands, None while it does not. `delay_ns` is by how much the last beat was
    late: what comes now waits about as long; the next one is due `beat_ns` after it. `window` is how many take the thread `TURN_NS`, and so
    many may begin until the next beat while it stands; `room` is how many more would have found time between two beats lately."""

    __slots__ = ("_above", "_calm", "_crowd", "_halves", "_idle", "_spent", "beat_ns", "delay_ns", "since", "window")

    def __init__(self) -> None:
        self.since: int | None = None
        self.delay_ns = 0
        self.beat_ns = SELDOM_NS
        self.window = WINDOW_MIN
        self._above: int | None = None
        self._calm = 0
        self._halves = 0
        self._idle = 0
        self._spent = 0
        self._crowd = CROWD

    def beat(self, now: int, elapsed_ns: int, spent_ns: int, taken: int, ended: int, refused: int) -> None:
        """The beat after `elapsed_ns`, of which the loop's thread computed for `spent_ns`, in which so many began and ended, and so many
        were refused because the queue stands. Half of the work of an invocation is done when it comes, half when its answer does."""
        self.delay_ns = delay = max(0, elapsed_ns - self.beat_ns)
        self._measure(spent_ns, taken + ended)
        # Answers come in bursts, and so do those who ask again: one idle beat is no room for others.
        self._idle += (0 if delay >= BUSY_NS else max(0, elapsed_ns - spent_ns)) // IDLE_BEATS - self._idle // IDLE_BEATS
        if self.since is not None:
            # Whoever is idle for a quarter of the time is held up by its neighbours now and then, not by those who ask.
            if (refused or delay >= BUSY_NS) and self._idle < BEAT_NS // 4:
                self._calm = now
            elif now - self._calm >= CALM_NS:
                self.since = self._above = None
                self._crowd = CROWD
        elif delay < LATE_NS:
            self._above = None
        else:
            self._above = now - delay if self._above is None else self._above
            if now - self._above >= STANDS_NS:
                self.since = self._calm = now
        self.beat_ns = SELDOM_NS if self.since is None else BEAT_NS

    @property
    def room(self) -> int:
        return self._idle * self.window // TURN_NS

    def takes_crowd(self) -> bool:
        """Whether one more finds room beside the window; that is room for one less, until the queue stands no more."""
        found = self._crowd > 0
        self._crowd -= found
        return found

    def _measure(self, spent_ns: int, halves: int) -> None:
        whole = spent_ns + _MEMORY_NS
        self._spent = self._spent * _MEMORY_NS // whole + spent_ns
        self._halves = self._halves * _MEMORY_NS // whole + halves * _SCALE
        self.window = max(WINDOW_MIN, self._halves * TURN_NS // max(1, self._spent * 2 * _SCALE))
