"""The part of a store that is moved as a whole: read at one moment, or filled in one transaction."""

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from orchvynt.adapters.sql import Connection, Reading
from orchvynt.adapters.sqlite.answered import answered
from orchvynt.adapters.sqlite.copying import Copied, Pipe, write_all
from orchvynt.adapters.sqlite.registering import Process
from orchvynt.adapters.sqlite.writer import Writer
from orchvynt.decisions.audit.entries import AuditRow

WHOLE_S: Final = 24 * 3600.0


class SqliteMoving:
    _writer: Writer
    _accounts: Reading
    _process: Process

    async def send_all(self, pipe: Pipe) -> None:
        """Raises StoreUnavailableError, and what the pipe raises."""
        await self._accounts.run(pipe.read_from)

    async def take_all(self, pipe: Pipe, note: AuditRow, tell: Callable[[str, int], None]) -> list[Copied]:
        """All that comes, or nothing; `note` then stands at the end of the audit. Raises StoreUnavailableError, NotMovedError."""

        def work(connection: Connection) -> list[Copied]:
            copied = write_all(connection, pipe, self._process.number, tell)
            said = {"tables": {one.table: one.rows for one in copied if one.rows}}
            self._writer.chain.adopt(connection)
            self._writer.chain.append(connection, [msgspec.structs.replace(note, details={**note.details, **said})])
            return copied

        return await answered(self._writer.submit(work), WHOLE_S)


async def move(source: SqliteMoving, target: SqliteMoving, note: AuditRow, tell: Callable[[str, int], None]) -> list[Copied]:
    """Nobody else may use either of them meanwhile. Raises StoreUnavailableError, NotMovedError; then the target is as it was."""
    pipe = Pipe()
    sending = asyncio.ensure_future(source.send_all(pipe))
    sending.add_done_callback(lambda done: pipe.abandon() if done.exception() is not None else None)
    try:
        return await target.take_all(pipe, note, tell)
    finally:
        pipe.abandon()
        await asyncio.gather(sending, return_exceptions=True)
