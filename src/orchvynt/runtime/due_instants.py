"""The instants at which something of an open review is due, the next one first: a reminder, or a step of its escalation."""

import heapq
from collections.abc import Collection
from typing import Final

from orchvynt.runtime.life import NEVER
from orchvynt.runtime.parked_one import ParkedOne

# An open review has at most two instants. Those of decided ones stay in their order, so many of them at least: taking one out means going
# through all.
DECIDED_INSTANTS: Final = 1_024


class DueInstants:
    """Pairs of instant (ns UTC) and review."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, str]] = []

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, at: int, review: str) -> None:
        heapq.heappush(self._heap, (at, review))

    def add_of(self, one: ParkedOne) -> None:
        for instant in one.instants:
            heapq.heappush(self._heap, instant)

    def next(self) -> int:
        return self._heap[0][0] if self._heap else NEVER

    def take(self) -> str:
        """The review whose instant is the next one, which is over."""
        return heapq.heappop(self._heap)[1]

    def reckon(self, all_open: Collection[ParkedOne]) -> None:
        """Those of open reviews anew, and no others."""
        self._heap = [instant for one in all_open for instant in one.instants]
        heapq.heapify(self._heap)

    def trim(self, all_open: Collection[ParkedOne]) -> None:
        """Without those of decided reviews, once they are more than all others."""
        if len(self._heap) > 2 * (2 * len(all_open) + DECIDED_INSTANTS):
            self.reckon(all_open)
