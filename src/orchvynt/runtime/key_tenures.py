"""Which process an idempotency key is under way at: of the processes of a store one begins its invocation, and all others wait for that.

Two round trips to the store for each request with a key that nobody has here. Where this process is alone, none.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from orchvynt.model.invocation import Idempotency
from orchvynt.ports.peers import Tenure
from orchvynt.ports.store import Store, StoreUnavailableError
from orchvynt.runtime.peers import LOOK_S, Peers
from orchvynt.runtime.tasks import Tasks

_PREFIX: Final = "idempotency "


class UnderWay:
    """At another process. `request` is the digest of its body, `inv` its invocation."""

    __slots__ = ("inv", "request")

    def __init__(self, said: str) -> None:
        self.request, _, self.inv = said.partition(" ")


class KeyTenures:
    """Those of one process, by scope. `follow` brings what others changed of reviews into this process's index."""

    def __init__(self, store: Store, peers: Peers, tasks: Tasks, follow: Callable[[], Awaitable[None]]) -> None:
        self._store = store
        self._follow = follow
        self._peers = peers
        self._tasks = tasks
        self._mine: dict[str, Tenure] = {}
        self._over: list[Tenure] = []
        self._ending: asyncio.Task[None] | None = None
        self._waiting: dict[str, asyncio.Event] = {}
        peers.on("held", self._heard)

    @property
    def needed(self) -> bool:
        """Whether another process may have a key."""
        return not self._peers.alone

    async def take(self, key: Idempotency, inv: str) -> UnderWay | None:
        """None where `inv` may begin here, if what was kept or parked before in the store says nothing else: the index knows it when this
        returns. Raises StoreUnavailableError."""
        said = f"{key.request} {inv}"
        found = await self._store.take_tenure(_PREFIX + key.scope, self._peers.me, 0, said)
        if found.process != self._peers.me:
            return UnderWay(found.said)
        self._mine[key.scope] = found
        # INVARIANT: a key is freed once the review of it is in the store; the index may not have heard of that one yet.
        await self._follow()
        return None

    def end(self, scope: str) -> None:
        """What was under way is over: once the store has what came of it, others may look."""
        if (tenure := self._mine.pop(scope, None)) is not None:
            self._over.append(tenure)
            if self._ending is None:
                self._ending = self._tasks.start(self._end(), "idempotency keys that are over")

    async def _end(self) -> None:
        try:
            while self._over:
                over = list(self._over)
                try:
                    await self._store.settled()
                    await self._store.end_tenures(over)
                except StoreUnavailableError:
                    await asyncio.sleep(LOOK_S)
                    continue
                del self._over[: len(over)]
                for one in over:
                    self._peers.tell("held", one.name.removeprefix(_PREFIX))
        finally:
            self._ending = None

    async def wait(self, scope: str) -> None:
        """Returns when a key may be free, and after a second in any case."""
        heard = self._waiting.setdefault(scope, asyncio.Event())
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await heard.wait()
        self._waiting.pop(scope, None)

    def _heard(self, scope: str) -> None:
        for name in [scope] if scope else list(self._waiting):
            if (heard := self._waiting.get(name)) is not None:
                heard.set()
