"""The clock of a process that shares its store: instants are the store's, so that all processes are in the same windows.

It goes on by this machine's monotonic clock, and is set right by every answer of the store that shows that it is wrong. What the
machine's own clock does in between (a jump, another time zone, minutes beside the others') changes nothing.
"""

from orchvynt.ports.clock import Clock


class StoreClock:
    """Implements ports.clock.Clock. Until the store has answered once it is the machine's."""

    def __init__(self, clock: Clock) -> None:
        self.monotonic = clock.monotonic
        self._ahead = clock.now() - clock.monotonic()

    def now(self) -> int:
        return self.monotonic() + self._ahead

    def learn(self, said: int, asked_at: int, heard_at: int) -> None:
        """The store's clock stood at `said` (ns UTC) at some moment between these two monotonic instants."""
        least, most = said - heard_at, said - asked_at
        self._ahead = min(max(self._ahead, least), most)
