"""Looks for what another process parked, before a request that may be the same begins anew, and before an invocation is said to be unknown.

What this process has heard of others is late by a moment; and who waited at a process that died waits there by the record until its journal
is in the store.
"""

from contextlib import suppress
from typing import Final

from orchvynt.lifecycle.join_keys import place
from orchvynt.lifecycle.state import State
from orchvynt.model.faults import Fault
from orchvynt.ports.clock import Clock
from orchvynt.ports.store import StoreUnavailableError
from orchvynt.runtime.following_reviews import FollowingReviews
from orchvynt.runtime.parked import Parked
from orchvynt.runtime.parked_one import ParkedOne
from orchvynt.runtime.peers import Peers

AGAIN_S: Final = 2


class Seeking:
    """One process's."""

    def __init__(self, parked: Parked, peers: Peers, following: FollowingReviews, clock: Clock) -> None:
        self._parked = parked
        self._peers = peers
        self._following = following
        self._clock = clock

    def doubts(self, state: State, has_gates: bool) -> bool:
        """Whether a request that finds nothing to join here may be one that comes back: its client says so, or its equal waits for
        somebody elsewhere, as far as is known here."""
        if self._peers.alone:
            return False
        return (has_gates and state.invocation.retry_count > 0) or (self._parked.count > 0 and bool(self._awaited(state)))

    async def again(self, state: State) -> None:
        """What such a request may join is in the index when this returns, unless the store is away: the policy says what becomes of it
        then."""
        with suppress(StoreUnavailableError):
            silent = await self._peers.file() if self._awaited(state) else frozenset()
            await self._following.follow()
            for one in self._awaited(state):
                if one.waits_at in silent:
                    # INVARIANT: of a process that says nothing its caller may have been cut off: rather two are given one answer than one
                    # question is sent twice.
                    one.left_at, one.waits_at = self._clock.now(), ""

    def _awaited(self, state: State) -> list[ParkedOne]:
        made = state.invocation
        return [one for one in self._parked.open_alike(place(made), made.ask.body) if one.waits_at and not one.waiting]

    async def invocation(self, inv: str) -> Fault | None:
        """If another process parked it, the index knows it when this returns. Why that cannot be said, if it is so."""
        try:
            silent = await self._peers.file()
            await self._following.follow()
        except StoreUnavailableError as error:
            return Fault("store_unavailable", f"The store cannot be read: {error}.", retry_after_seconds=5)
        if not silent or self._parked.invocation(inv) is not None:
            return None
        said = (
            f"Whether {inv[:100]} is kept is not known now: {len(silent)} of the processes that share the store did not say what they have."
        )
        return Fault("store_unavailable", said, "If it was parked it is not lost; ask again.", retry_after_seconds=AGAIN_S)
