"""Keeps the index of parked invocations as the store has it, where other processes decide about some of them; and takes over those that
nobody decides about any more.

What changed is numbered in the store, in the order in which it was written there; a hint only says when to look.
"""

import asyncio
from typing import Final

from orchvynt.ports.clock import Clock
from orchvynt.ports.peers import Pulse
from orchvynt.ports.processes import ProcessRow
from orchvynt.ports.store import Store, StoreUnavailableError
from orchvynt.runtime.parked import Parked
from orchvynt.runtime.parked_one import JOINABLE_NS
from orchvynt.runtime.parked_rows import Reading
from orchvynt.runtime.peers import Peers
from orchvynt.runtime.tasks import Tasks

PAGE: Final = 500
# What nobody waits for may be told together.
GATHER_S: Final = 0.1


class FollowingReviews:
    """One process's."""

    def __init__(self, parked: Parked, store: Store, peers: Peers, clock: Clock, tasks: Tasks) -> None:
        self._parked = parked
        self._store = store
        self._peers = peers
        self._clock = clock
        self._tasks = tasks
        self._number = 0
        self._following = asyncio.Lock()
        self._telling: asyncio.Task[None] | None = None
        self._tell_again = False
        self._hurry = asyncio.Event()
        if not peers.alone:
            parked.changed = self._changed
            peers.on("reviews", lambda _: self._soon())

    def begin(self, number: int) -> None:
        """All reviews were read when the newest change had this number, or later."""
        self._number = number

    def pulsed(self, pulse: Pulse, rows: list[ProcessRow]) -> None:
        """Once a second."""
        if pulse.reviews > self._number:
            self._soon()
        # INVARIANT: a process is gone once all of its journal is in the store: what it decided is known then.
        living = [row.process for row in rows if row.state != "gone"]
        if not self._parked.owners() <= set(living):
            self._tasks.start(self._take_orphans(living), "reviews of processes that are gone")

    def _soon(self) -> None:
        self._tasks.start(self._follow_quietly(), "changed reviews")

    async def _follow_quietly(self) -> None:
        try:
            await self.follow()
        except StoreUnavailableError:
            # The next pulse looks again.
            return

    async def follow(self) -> None:
        """What others changed is in the index when this returns. Raises StoreUnavailableError."""
        async with self._following:
            while changed := await self._store.changed_reviews(self._number, PAGE):
                if changed[0][0] > self._number + 1:
                    # So long nobody looked: what is in between was dropped.
                    rows = await self._store.parked(self._clock.now(), JOINABLE_NS)
                else:
                    rows = await self._store.parked_of(list(dict.fromkeys(inv for _, inv in changed)))
                for one in Reading(self._parked, self._peers.me).ones(rows):
                    self._parked.follow(one)
                self._number = changed[-1][0]

    async def adopt(self, inv: str) -> None:
        """This process decides about the open reviews of an invocation by now; the index knows it when this returns."""
        for one in Reading(self._parked, self._peers.me).ones(await self._store.parked_of([inv])):
            if not one.elsewhere and one.open:
                self._parked.adopt(one)

    async def _take_orphans(self, living: list[str]) -> None:
        try:
            for inv in await self._store.adopt_reviews(self._peers.me, living):
                await self.adopt(inv)
        except StoreUnavailableError:
            # The next pulse tries again.
            return

    def _changed(self, awaited: bool) -> None:
        """Something about a review is in the journal: others hear of it once it is in the store."""
        self._tell_again = True
        if awaited:
            self._hurry.set()
        if self._telling is None:
            self._telling = self._tasks.start(self._tell(), "tell of reviews")

    async def _tell(self) -> None:
        try:
            while self._tell_again:
                try:
                    async with asyncio.timeout(GATHER_S):
                        await self._hurry.wait()
                except TimeoutError:
                    pass
                self._hurry.clear()
                self._tell_again = False
                await self._store.settled()
                self._peers.tell("reviews")
        except StoreUnavailableError:
            # Once it is there again, the others see it at their next pulse.
            return
        finally:
            self._telling = None
