"""The processes' part of the stores in SQL databases: who serves, and what is taken over from those that died."""

import asyncio
import socket
from typing import Final

from orchvynt.adapters.journal.positions import Position
from orchvynt.adapters.sql import Reading
from orchvynt.adapters.sqlite.queries import QUERIES
from orchvynt.adapters.sqlite.registering import Process, process_rows
from orchvynt.adapters.sqlite.writer import Writer
from orchvynt.adapters.taking_over import TakingOver
from orchvynt.ports.processes import ProcessRow, ProcessState, TakenOver

# Others file after a quarter of a second. One that hangs keeps nobody from reading what the rest filed.
_CATCH_UP_S: Final = 2.0
_CATCH_UP_LOOK_S: Final = 0.02
_NOTHING: Final[Position] = (0, 0)


class SqliteProcesses:
    """Implements ports.processes.ProcessStore."""

    _writer: Writer
    _reader: Reading
    _process: Process
    _taking_over: TakingOver
    _is_shared: bool

    @property
    def process(self) -> str:
        return self._process.id

    @property
    def is_shared(self) -> bool:
        return self._is_shared

    async def processes(self) -> list[ProcessRow]:
        return await self._reader.run(process_rows)

    async def beat(self, state: ProcessState) -> None:
        values = (self._process.id, state)
        await asyncio.wrap_future(self._writer.submit(lambda connection: connection.execute(QUERIES["process_seen"], values)))

    async def caught_up(self) -> None:
        await asyncio.wrap_future(self._writer.when_filed())
        if not self._is_shared:
            return
        loop = asyncio.get_running_loop()
        until = loop.time() + _CATCH_UP_S
        wanted = await loop.run_in_executor(None, self._taking_over.ends)
        while loop.time() < until:
            filed = await self._reader.rows("journals_filed", socket.gethostname())
            behind = {journal for journal, segment, offset in filed if (segment, offset) < wanted.get(journal, _NOTHING)}
            if not behind:
                return
            await asyncio.sleep(_CATCH_UP_LOOK_S)
            # What a torn journal ended with is cut off by who takes it over.
            now = await loop.run_in_executor(None, self._taking_over.ends)
            wanted = {journal: min(wanted[journal], now.get(journal, _NOTHING)) for journal in behind}

    async def take_over(self) -> list[TakenOver]:
        rows = await self.processes()
        open_ended = {row.journal for row in rows if row.state != "gone" and row.process != self.process}
        return await asyncio.get_running_loop().run_in_executor(None, self._taking_over.take_over, open_ended)

    async def bury(self, process: str) -> None:
        await asyncio.wrap_future(self._writer.submit(lambda connection: connection.execute(QUERIES["process_gone"], (process,))))
        self._taking_over.let_go(process)
