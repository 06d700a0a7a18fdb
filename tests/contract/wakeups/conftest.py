"""Every test of this folder runs on every way to wake other processes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from orchvynt.adapters.memory.wakeups import MemoryWakeups, Room
from orchvynt.adapters.postgres.target import target
from orchvynt.adapters.postgres.wakeups import PostgresWakeups
from orchvynt.adapters.sqlite.wakeups import SocketWakeups
from orchvynt.ports.wakeups import Topic, Wakeups

WITHIN_S = 20.0

Hint = tuple[Topic, str]


class Ear:
    """One process's end, and what it heard."""

    def __init__(self, wakeups: Wakeups) -> None:
        self.wakeups = wakeups
        self.heard: list[Hint] = []
        self._more = asyncio.Event()
        wakeups.listen(self._hear)

    def _hear(self, topic: Topic, payload: str) -> None:
        self.heard.append((topic, payload))
        self._more.set()

    async def hears(self, hint: Hint) -> None:
        async with asyncio.timeout(WITHIN_S):
            while hint not in self.heard:
                self._more.clear()
                await self._more.wait()


Meeting = Callable[[int], AbstractAsyncContextManager[list[Ear]]]


@pytest.fixture(params=["memory", "sockets", "postgres"])
def meeting(request: pytest.FixtureRequest, tmp_path: Path) -> Meeting:
    """So many processes of one store, all of which listen."""
    room = Room()
    server = request.getfixturevalue("postgres") if request.param == "postgres" else None

    def made() -> Wakeups:
        if request.param == "memory":
            return MemoryWakeups(room)
        return SocketWakeups(tmp_path / "wakeups") if server is None else PostgresWakeups(target(server.url), "test")

    @asynccontextmanager
    async def meet(count: int) -> AsyncIterator[list[Ear]]:
        async with AsyncExitStack() as over:
            ears = [Ear(made()) for _ in range(count)]
            for ear in ears:
                await ear.wakeups.start()
                over.push_async_callback(ear.wakeups.close)
            yield ears

    return meet
