"""What processes of one store tell one another of routes, and whose turn it is to probe: one process at a time, each in its place.

Whose turn it is follows from the store's clock and from who is there, so nobody has to be asked: the first call of a turn may be the
probe. It knows no clock. A process that has not heard of the others lately decides for itself.
"""

from collections.abc import Callable
from typing import Final, Literal

import msgspec

TURN_NS: Final = 1_000_000_000
GUARD_NS: Final = 200_000_000
"""The end of a turn, in which nobody begins: what began before is known everywhere when the next one has its turn."""
KNOWN_FOR_NS: Final = 10_000_000_000

What = Literal["rests", "open", "closed", "probed"]
Whose = Literal["route", "address", "credential"]


class Sighting(msgspec.Struct, frozen=True):
    """What a process has seen of a route: it rests for so long, its breaker is open for so long (0: it may be probed) or closed, or it is
    probed now. `whose`: of the model, or of all at the provider's address, or with its credential."""

    what: What
    provider: str
    model: str
    whose: Whose
    for_ns: int = 0
    why: str = ""


class Together:
    """What one process shares with the others, of which it is the one at `place` of `count`. `ahead_ns` is how far the store's clock is
    ahead of the monotonic one, `until` how long that counts (monotonic ns). `told` is told of each sighting of this process."""

    __slots__ = ("_ahead_ns", "_count", "_place", "_until", "told")

    def __init__(self) -> None:
        self.told: Callable[[Sighting], None] = lambda _: None
        self._count, self._place, self._ahead_ns, self._until = 1, 0, 0, 0

    def known(self, count: int, place: int, ahead_ns: int, now: int) -> None:
        """Who is there, as of now."""
        assert 0 <= place < count
        self._count, self._place, self._ahead_ns, self._until = count, place, ahead_ns, now + KNOWN_FOR_NS

    def may_probe(self, now: int) -> bool:
        """Whether it is this process's turn."""
        if self._count == 1 or now >= self._until:
            return True
        turn, gone = divmod(now + self._ahead_ns, TURN_NS)
        return turn % self._count == self._place and gone < TURN_NS - GUARD_NS
