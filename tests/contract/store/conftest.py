"""Every test of this folder runs on every store."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.support.postgres import Server

from orchvynt.adapters.memory.journal import open_memory_store
from orchvynt.adapters.postgres.opening import open_store as open_postgres
from orchvynt.adapters.postgres.target import target
from orchvynt.adapters.sqlite.opening import open_store
from orchvynt.ports.journal import Journal
from orchvynt.ports.store import Store


class Pair(NamedTuple):
    store: Store
    journal: Journal


Opener = Callable[[], AbstractAsyncContextManager[Pair]]


@asynccontextmanager
async def _memory() -> AsyncIterator[Pair]:
    store, journal = open_memory_store()
    yield Pair(store, journal)
    await store.close()


def _sqlite(folder: Path) -> Opener:
    numbers = count()

    @asynccontextmanager
    async def opener() -> AsyncIterator[Pair]:
        # A folder of its own each time: a property test opens many stores.
        place = folder / str(next(numbers))
        place.mkdir()
        opened = await open_store(place / "store.db", place / "journal")
        try:
            yield Pair(opened.store, opened.journal)
        finally:
            await opened.store.close()

    return opener


def _postgres(server: Server, folder: Path) -> Opener:
    numbers = count()

    @asynccontextmanager
    async def opener() -> AsyncIterator[Pair]:
        url = await asyncio.to_thread(server.fresh)
        opened = await open_postgres(target(url), folder / f"journal{next(numbers)}")
        try:
            yield Pair(opened.store, opened.journal)
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
