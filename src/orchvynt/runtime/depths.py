"""How deep invocations call one another: one more than the parent that the caller names, which is one of its own invocations.

Parents that came lately are known here, others are looked up in the store where a budget asks for depth. A parent that is no invocation
of this caller counts as one without a parent: naming nobody, or nonsense, gives no depth back.
"""

import asyncio
from typing import Final

from orchvynt.language.snapshot import Snapshot
from orchvynt.model.facts import InvocationReceived
from orchvynt.model.invocation import Invocation, caller_of
from orchvynt.ports.store import Store

KEPT: Final = 16_384
# The store bounds its own waiting reads; what comes in a crowd stands in line here.
LOOKS_AT_ONCE: Final = 32


class Depths:
    """The depths of one process's last invocations, by their ids, with their callers."""

    def __init__(self, store: Store, kept: int = KEPT) -> None:
        self._store = store
        self._most = kept
        self._kept: dict[str, tuple[str, int]] = {}
        self._places = asyncio.Semaphore(LOOKS_AT_ONCE)
        self._watches: tuple[Snapshot | None, bool] = (None, False)
        self._dropped = self._settled = 0

    def watched(self, snapshot: Snapshot) -> bool:
        """Whether a budget of this policy limits depth."""
        known, watches = self._watches
        if known is not snapshot:
            watches = any(budget.depth is not None for budget in snapshot.budgets)
            self._watches = (snapshot, watches)
        return watches

    def began(self, invocation: Invocation, snapshot: Snapshot) -> None:
        """It may be named as a parent from now on. Without a budget that asks, those at depth 1 need not be known."""
        if invocation.depth == 1 and not self.watched(snapshot):
            return
        self._kept[invocation.id] = (invocation.caller, invocation.depth)
        if len(self._kept) > self._most:
            del self._kept[next(iter(self._kept))]
            self._dropped += 1

    def known(self, parent: str, caller: str) -> int:
        """The depth of a parent that came lately; 0 if it is not among them, or another caller's."""
        owner, depth = self._kept.get(parent, ("", 0))
        return depth if owner == caller else 0

    async def find(self, parent: str, caller: str) -> int:
        """The depth of a parent by its record; 0 if this caller has no such invocation. Raises StoreUnavailableError."""
        async with self._places:
            # What was dropped here may not be in the store yet.
            dropped = self._dropped
            if dropped != self._settled:
                await self._store.settled()
                self._settled = max(self._settled, dropped)
            record = await self._store.facts(parent)
        first = record[0] if record else None
        if not isinstance(first, InvocationReceived) or caller_of(first.key, first.key_id) != caller:
            return 0
        return first.depth
