"""Where a process serves from: alone, with sockets of its own, or as one of several workers, with sockets and news from their parent."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Protocol

from orchvynt.assembly.binding import bind
from orchvynt.assembly.settings import Settings
from orchvynt.assembly.worker_line import Ask, Counted, Cover, Gathered, Leave, Line, Ready, Start
from orchvynt.surfaces.api.http.server import HttpServer

Count = Callable[[], Awaitable[bytes]]
"""What this process counted, encoded."""

_GATHER_S = 5.0


class Post(Protocol):
    """`leads`: operators are answered here, and what is done once for all is done here. `data` is the socket to serve from; None: one of
    its own."""

    leads: bool
    data: socket.socket | None

    def admin(self, settings: Settings) -> socket.socket:
        """A listening socket, the caller's to close. Raises OSError that names the address if it cannot be had."""
        ...

    async def serve(self, server: HttpServer, count: Count, stop: Callable[[bool], None]) -> None:
        """Says that this process serves, and hears what the parent has to say, until there is none. `stop` is told whether another
        process takes its place."""
        ...

    async def gather(self) -> tuple[list[bytes], int]:
        """What all others counted, and of how many it is not known."""
        ...


class Alone:
    """Implements Post."""

    leads = True
    data: socket.socket | None = None

    def admin(self, settings: Settings) -> socket.socket:
        return bind(settings.admin_host, settings.admin_port)

    async def serve(self, server: HttpServer, count: Count, stop: Callable[[bool], None]) -> None:  # noqa: ARG002 - nobody asks
        return

    async def gather(self) -> tuple[list[bytes], int]:
        return [], 0


class AtWork:
    """Implements Post for a worker. `end` is its end of the line to the parent."""

    def __init__(self, start: Start, end: socket.socket) -> None:
        self.leads = start.admin is not None
        self._all = {descriptor: socket.socket(fileno=descriptor) for descriptor in start.data}
        for one in self._all.values():
            one.set_inheritable(False)
            # They are shared with processes that serve, whom accepting must never keep: also what is duplicated says so.
            one.setblocking(False)
        self.data: socket.socket | None = self._all[start.own].dup()
        self._leaves = False
        self._covered: dict[int, Callable[[], None]] = {}
        self._admin = start.admin
        self._end = end
        self._line: Line | None = None
        self._asked = 0
        self._waiting: dict[int, asyncio.Future[Gathered]] = {}

    def admin(self, settings: Settings) -> socket.socket:  # noqa: ARG002 - the parent bound it
        # Whoever does not lead has one that nobody knows.
        return socket.socket() if self._admin is None else socket.socket(fileno=self._admin)

    async def serve(self, server: HttpServer, count: Count, stop: Callable[[bool], None]) -> None:
        self._end.setblocking(False)
        line = self._line = Line(*await asyncio.open_connection(sock=self._end))
        line.send(Ready())
        try:
            while (message := await line.receive()) is not None:
                if isinstance(message, Ask):
                    line.send(Counted(message.number, await count()))
                elif isinstance(message, Gathered) and (waiting := self._waiting.pop(message.number, None)) is not None:
                    waiting.set_result(message)
                elif isinstance(message, Cover) and not self._leaves:
                    await self._cover(server, message)
                elif isinstance(message, Leave):
                    self._leaves = True
                    stop(True)
            # The parent is gone, and with it who would begin another worker.
            stop(False)
        finally:
            line.close()
            for one in self._all.values():
                one.close()

    async def _cover(self, server: HttpServer, asked: Cover) -> None:
        end = self._covered.pop(asked.data, None)
        if end is not None:
            end()
        if asked.on:
            self._covered[asked.data] = await server.cover(self._all[asked.data].dup())

    async def gather(self) -> tuple[list[bytes], int]:
        if self._line is None:
            return [], 0
        self._asked += 1
        waiting = self._waiting[self._asked] = asyncio.get_running_loop().create_future()
        self._line.send(Ask(self._asked))
        try:
            found = await asyncio.wait_for(waiting, _GATHER_S)
        except TimeoutError:
            return [], 1
        finally:
            self._waiting.pop(self._asked, None)
        return found.figures, found.missing
