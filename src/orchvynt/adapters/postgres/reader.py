"""Reads on threads and connections of their own, which cannot write. It blocks neither the event loop nor the filer."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Final, TypeVar

from orchvynt.adapters.postgres.session import QUERIES, Session
from orchvynt.adapters.postgres.target import Target
from orchvynt.adapters.sql import Connection, Row, Value
from orchvynt.ports.store import StoreUnavailableError

T = TypeVar("T")

_WAITING_MAX: Final = 256
_AWAY_S: Final = 1.0


class Reader:
    """Implements adapters.sql.Reading with at most `sessions` connections; each query ends within `seconds`."""

    def __init__(self, target: Target, name: str, sessions: int, seconds: float) -> None:
        settings = {"application_name": name, "default_transaction_read_only": "on"}
        self._all = [Session(target, settings, seconds) for _ in range(sessions)]
        self._idle: SimpleQueue[Session] = SimpleQueue()
        for session in self._all:
            self._idle.put(session)
        self._threads = ThreadPoolExecutor(sessions, thread_name_prefix="orchvynt-reads")
        self._waiting = 0
        self._closed = False
        self._away = (0.0, "")

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
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._run, work)
        finally:
            self._waiting -= 1

    def _run(self, work: Callable[[Connection], T]) -> T:
        session = self._idle.get()
        try:
            return self._ask(session, work)
        finally:
            self._idle.put(session)

    def _ask(self, session: Session, work: Callable[[Connection], T]) -> T:
        rested = session.is_connected
        if not rested and time.monotonic() < self._away[0]:
            raise StoreUnavailableError(self._away[1])
        try:
            try:
                session.connect()
                found = work(session)
            except StoreUnavailableError:
                # A connection that was cut while it rested is seen only now; a new one may be had.
                if not rested or session.is_connected:
                    raise
                session.connect()
                found = work(session)
        except StoreUnavailableError as error:
            if not session.is_connected:
                # Those who wait behind this one hear it at once, and do not find it out one after the other.
                self._away = (time.monotonic() + _AWAY_S, str(error))
            raise
        # It is there: what another connection has heard is over.
        self._away = (0.0, "")
        return found

    def close(self) -> None:
        """Blocks until the reads that run are done."""
        self._closed = True
        self._threads.shutdown()
        for session in self._all:
            session.close()
