"""Every test of this folder runs on every store."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest

from orchvynt.adapters.memory.journal import open_memory_store
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


@pytest.fixture(params=["sqlite", "memory"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    return _sqlite(tmp_path) if request.param == "sqlite" else _memory
