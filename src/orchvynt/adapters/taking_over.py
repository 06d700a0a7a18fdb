"""What this process takes over from others of its machine that died: their journals, each by one process. It knows no database."""

from collections.abc import Callable, Collection, Mapping
from threading import Lock as Turn

from orchvynt.adapters.journal.positions import Position
from orchvynt.adapters.journal.siblings import Family, Place
from orchvynt.ports.processes import TakenOver

Reach = Callable[[Place], TakenOver | None]
"""Brings what a journal holds into the store; None where nothing was left of its process. Raises StoreUnavailableError,
JournalUnavailableError."""


class TakingOver:
    """A journal that was taken over stays this process's until it is let go of, or this process dies."""

    def __init__(self, family: Family, reach: Reach) -> None:
        self._family = family
        self._reach = reach
        self._mine: dict[str, Place] = {}
        self._turn = Turn()
        self._looked = False

    def take_over(self, journals: Collection[str]) -> list[TakenOver]:
        """Those that were left since the last call, among the journals of which the store knows no end. The first look is at all: after
        a loss of power the store may believe in one. Blocks."""
        taken: list[TakenOver] = []
        if self._looked and not journals:
            return taken
        with self._turn, self._family.alone():
            for place in self._family.left(journals if self._looked else None):
                found = None
                try:
                    found = self._reach(place)
                finally:
                    if found is None:
                        place.lock.close()
                if found is not None:
                    self._mine[found.process] = place
                    taken.append(found)
            self._looked = True
        return taken

    def ends(self) -> Mapping[str, Position]:
        """Where the journals of this machine end now, by their names and directories."""
        return self._family.ends()

    def let_go(self, process: str) -> None:
        place = self._mine.pop(process, None)
        if place is not None:
            place.lock.close()

    def close(self) -> None:
        with self._turn:
            for process in list(self._mine):
                self.let_go(process)
