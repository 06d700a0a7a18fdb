"""Every test of this folder runs on every store."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.support.postgres import Server

from orchvynt.adapters.memory.journal import MemoryJournal, open_memory_store
from orchvynt.adapters.postgres.opening import open_store as open_postgres
from orchvynt.adapters.postgres.target import target
from orchvynt.adapters.sqlite.opening import open_store
from orchvynt.ports.journal import Journal
from orchvynt.ports.store import Store

PROCESS = "prc_1"


class Pair(NamedTuple):
    """`process` is whose the journal is, among those that share the store."""

    store: Store
    journal: Journal
    process: str


Opener = Callable[[], AbstractAsyncContextManager[Pair]]


@asynccontextmanager
async def _memory() -> AsyncIterator[Pair]:
    store, _ = open_memory_store()
    yield Pair(store, MemoryJournal(store, PROCESS), PROCESS)
    await store.close()


def _sqlite(folder: Path) -> Opener:
    numbers = count()

    @asynccontextmanager
    async def opener() -> AsyncIterator[Pair]:
        # A folder of its own each time: a property test opens many stores.
        place = folder / str(next(numbers))
        place.mkdir()
        opened = await open_store(place / "store.db", place / "journal", process=PROCESS)
        try:
            yield Pair(opened.store, opened.journal, PROCESS)
        finally:
            await opened.store.close()

    return opener


def _postgres(server: Server, folder: Path) -> Opener:
    numbers = count()

    @asynccontextmanager
    async def opener() -> AsyncIterator[Pair]:
        url = await asyncio.to_thread(server.fresh)
        journal = folder / f"journal{next(numbers)}"
        opened = await open_postgres(target(url), journal)
        try:
            yield Pair(opened.store, opened.journal, (journal / "process").read_text().strip())
        finally:
            await opened.store.close()
            await asyncio.to_thread(server.give_back, url)

    return opener


@pytest.fixture(params=["sqlite", "memory", "postgres"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    if request.param == "memory":
        return _memory
    if request.param == "sqlite":
        return _sqlite(tmp_path)
    return _postgres(request.getfixturevalue("postgres"), tmp_path)
