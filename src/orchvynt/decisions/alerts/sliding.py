"""How counts grew within a sliding window: a ring of what they were, at most one entry for each sixtieth of the window.

A count reaches back by the window and at most one sixtieth, or one second, more. Instants are monotonic nanoseconds.
"""

from collections import deque
from collections.abc import Collection
from typing import Final

import msgspec

from orchvynt.decisions.alerts.tallies import Tally

SLOTS: Final = 60


class Figures(msgspec.Struct, frozen=True):
    """Of one window. An invocation may have been counted before the window and have used its chain within it, so a rate is at most 1."""

    calls: int
    activations: int

    @property
    def activation_rate(self) -> float:
        most = max(self.calls, self.activations)
        return self.activations / most if most else 0.0


class Sliding:
    """One tally's window."""

    __slots__ = ("_samples", "_slot_ns", "_window_ns")

    def __init__(self, window_ns: int, mono: int, calls: int, activations: int) -> None:
        self._window_ns = window_ns
        self._slot_ns = window_ns // SLOTS
        self._samples = deque([(mono, calls, activations)])

    def __len__(self) -> int:
        return len(self._samples)

    def figures(self, tally: Tally, mono: int) -> Figures:
        samples = self._samples
        if mono - samples[-1][0] >= max(1, self._slot_ns):
            samples.append((mono, tally.calls, tally.activations))
        while len(samples) > 1 and samples[1][0] <= mono - self._window_ns:
            samples.popleft()
        _, calls, activations = samples[0]
        return Figures(tally.calls - calls, tally.activations - activations)


class Window:
    """The windows of one length over many tallies. What a tally counted before its window began is not in it."""

    __slots__ = ("_length_ns", "_rings")

    def __init__(self, length_ns: int, known: Collection[Tally], mono: int) -> None:
        self._length_ns = length_ns
        self._rings = {tally: Sliding(length_ns, mono, tally.calls, tally.activations) for tally in known}

    def figures(self, tally: Tally, mono: int) -> Figures:
        """Asked regularly, about once a second."""
        ring = self._rings.get(tally)
        if ring is None:
            # It was not there at the last look, so all that it counted is new.
            ring = self._rings[tally] = Sliding(self._length_ns, mono, 0, 0)
        return ring.figures(tally, mono)

    def keep(self, tallies: Collection[Tally]) -> None:
        """Drops the rings of all others."""
        self._rings = {tally: ring for tally, ring in self._rings.items() if tally in tallies}

    def __len__(self) -> int:
        return len(self._rings)
