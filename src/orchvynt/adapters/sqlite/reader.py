"""Reads the database on a thread and a connection of its own, which cannot write. It blocks neither the event loop nor the filer."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from orchvynt.adapters.sql import Connection, Row, Value
from orchvynt.adapters.sqlite.connecting import connect_reader
from orchvynt.adapters.sqlite.faults import unavailable
from orchvynt.adapters.sqlite.queries import QUERIES
from orchvynt.ports.store import StoreUnavailableError

T = TypeVar("T")

_WAITING_MAX: Final = 256


class Reader:
    """Implements adapters.sql.Reading."""

    def __init__(self, path: Path, busy_ms: int) -> None:
        self._path = str(path)
        self._connection = connect_reader(path, busy_ms)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="orchvynt-reads")
        self._waiting = 0
        self._closed = False

    async def rows(self, name: str, *values: Value) -> list[Row]:
        return await self.run(lambda connection: connection.execute(QUERIES[name], values).fetchall())

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Raises StoreUnavailableError."""
        if self._closed:
            raise StoreUnavailableError("the store is closed.")
        if self._waiting >= _WAITING_MAX:
            raise StoreUnavailableError(f"{_WAITING_MAX} reads wait for the store already. Try again later.")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(self._connection))
        except sqlite3.Error as error:
            raise unavailable(error, self._path) from error
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Blocks until the read that runs is done."""
        self._closed = True
        self._thread.shutdown()
        self._connection.close()
