"""The listening sockets: opens them, closes them so that connections are truly refused, and opens them again on the same port."""

import asyncio
import socket
from collections.abc import Callable
from typing import Final

from orchvynt.scripted.connection import Connection, Exchange, Request

BACKLOG: Final = 4096
SHARED: Final = "*"
LISTENERS_MAX: Final = 64

Begin = Callable[[Request, Connection, str], Exchange]


class _Listener:
    """One address. `_claim` is bound but never listens: it keeps the port while nobody listens on it."""

    def __init__(self, host: str, port: int, make: Callable[[], Connection]) -> None:
        self._make = make
        self._claim = _bound(host, port)
        self.host, self.port = self._claim.getsockname()[:2]
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        if self._server is None:
            sock = _bound(self.host, self.port)
            self._server = await asyncio.get_running_loop().create_server(self._make, sock=sock, backlog=BACKLOG)

    async def refuse(self) -> bool:
        """Whether it was listening until now."""
        if self._server is None:
            return False
        server, self._server = self._server, None
        server.close()
        await asyncio.sleep(0)
        return True

    async def close(self) -> None:
        await self.refuse()
        self._claim.close()

    @property
    def url(self) -> str:
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"


class Listeners:
    """All addresses of one provider process, by name: `*` is shared, others belong to one virtual provider, `` to control."""

    def __init__(self, begin: Begin, host: str) -> None:
        self._begin = begin
        self._host = host
        self._listeners: dict[str, _Listener] = {}
        self._connections: dict[Connection, str] = {}

    async def open(self, name: str, host: str, port: int) -> str:
        """Listens, and gives the address as a URL. Raises OSError."""
        listener = _Listener(host, port, lambda: self._connection(name))
        self._listeners[name] = listener
        await listener.open()
        return listener.url

    async def own(self, name: str) -> str:
        """The address of a virtual provider's own listener; opened when it is first asked for. Raises ValueError."""
        if name not in self._listeners:
            if len(self._listeners) >= LISTENERS_MAX:
                raise ValueError(f"there are {LISTENERS_MAX} listeners already")
            return await self.open(name, self._host, 0)
        return self._listeners[name].url

    async def align(self, refuses: Callable[[str], bool], spare: Connection | None) -> None:
        """Listens or refuses, as the faults say. A refusing server has no connections either, except the one that asked for it."""
        for name, listener in self._listeners.items():
            if name and refuses(name):
                if await listener.refuse():
                    self._drop([line for line, own in self._connections.items() if own == name and line is not spare])
            else:
                await listener.open()

    async def close(self) -> None:
        for listener in self._listeners.values():
            await listener.close()
        self._drop(list(self._connections))

    def _drop(self, lines: list[Connection]) -> None:
        for line in lines:
            line.abort()

    def _connection(self, name: str) -> Connection:
        own_name = "" if name == SHARED else name
        line = Connection(lambda request, line: self._begin(request, line, own_name), self._forget)
        self._connections[line] = name
        return line

    def _forget(self, line: Connection) -> None:
        self._connections.pop(line, None)


def _bound(host: str, port: int) -> socket.socket:
    """A bound socket. SO_REUSEADDR lets two sockets have a port as long as only one of them listens."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock
