"""What outlives a process: the twin in memory, or SQLite and journal files in a folder of their own.

A killed process's files are copied as they are at that instant, because its threads cannot be killed; the next life opens the copy.
"""

import asyncio
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from tests.simulation.plan import Plan

from orchvynt.adapters.memory.journal import MemoryJournal
from orchvynt.adapters.memory.store import MemoryStore
from orchvynt.adapters.sqlite.opening import Opened, open_store
from orchvynt.ports.journal import Journal

Through = Callable[[Any], Any] | None


class Disk(Protocol):
    def open(self) -> tuple[Any, Journal, Through]:
        """For a new process: its store, its journal, and what runs the store's coroutines if they need a loop of the real world."""
        ...

    def killed(self, where: str) -> None: ...

    def closed(self) -> None:
        """The process ends in order."""
        ...


class InMemory:
    def __init__(self) -> None:
        self._store = MemoryStore()

    def open(self) -> tuple[Any, Journal, Through]:
        return self._store, MemoryJournal(self._store), None

    def killed(self, where: str) -> None:
        """What the journal took is filed at once."""

    def closed(self) -> None:
        """As above."""


class InFiles:
    """`life` numbers the folders: each killed process leaves its own behind."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._life = 0
        self._opened: Opened | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    @property
    def _here(self) -> Path:
        return self._folder / str(self._life)

    def open(self) -> tuple[Any, Journal, Through]:
        self._here.mkdir(exist_ok=True)
        opened = self._opened = self._through(open_store(self._here / "store.db", self._here / "journal"))
        return opened.store, opened.journal, self._through

    def killed(self, where: str) -> None:
        opened, self._opened = self._opened, None
        before = self._here
        self._life += 1
        self._here.mkdir()
        if opened is None:
            shutil.copytree(before, self._here, dirs_exist_ok=True)
            return
        # INVARIANT: the log before the database: what is checkpointed meanwhile is in both.
        for name in ("store.db-wal", "store.db"):
            if (before / name).exists():
                shutil.copy(before / name, self._here / name)
        shutil.copytree(before / "journal", self._here / "journal")
        if where == "append:before":
            self._tear()
        self._through(opened.store.close())

    def _tear(self) -> None:
        """It died within its write: a piece of a frame stands at the end."""
        last = max((self._here / "journal").glob("*.facts"))
        with last.open("ab") as file:
            file.write(b"\x40\x01\x00\x00torn")

    def closed(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            self._through(opened.store.close())

    def _through(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def end(self) -> None:
        self.closed()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@contextmanager
def disk_of(plan: Plan) -> Iterator[Disk]:
    if not plan.sqlite:
        yield InMemory()
        return
    with tempfile.TemporaryDirectory(prefix="simulation") as folder:
        files = InFiles(Path(folder))
        try:
            yield files
        finally:
            files.end()
