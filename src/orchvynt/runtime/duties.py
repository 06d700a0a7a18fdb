"""Something that one process of a store does for all of them, such as to deliver messages. When that one is gone another takes it over."""

from typing import Final

from orchvynt.ports.clock import Clock
from orchvynt.ports.store import Store
from orchvynt.runtime.peers import Peers

LASTS_NS: Final = 15_000_000_000
RENEWED_NS: Final = 3_000_000_000
# So long before it is over this process does not count on it any more: what it began may still be under way.
MARGIN_NS: Final = 5_000_000_000


class Duty:
    """Asked for about once a second."""

    def __init__(self, name: str, store: Store, peers: Peers, clock: Clock) -> None:
        self._name = name
        self._store = store
        self._peers = peers
        self._clock = clock
        self._mine_until = 0
        self._ask_at = 0

    @property
    def alone(self) -> bool:
        return self._peers.alone

    async def mine(self) -> bool:
        """Whether this process does it. Raises StoreUnavailableError: then nobody knows."""
        if self._peers.alone:
            return True
        now = self._clock.monotonic()
        if now >= self._ask_at:
            tenure = await self._store.take_tenure(self._name, self._peers.me, LASTS_NS)
            is_mine = tenure.process == self._peers.me
            self._mine_until = now + LASTS_NS - MARGIN_NS if is_mine else 0
            self._ask_at = now + RENEWED_NS if is_mine else 0
        return now < self._mine_until
