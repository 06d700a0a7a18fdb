"""Takes the callers that wait in the kernel while the loop is busy.

libuv takes one connection in a turn of the loop since 1.45 (libuv/libuv#3696). Where a turn is long, as under more load than can be
carried, the others would wait for a turn each: a thousand of them for a minute, and a health check among them.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from typing import Final

_TURN_MAX: Final = 1_024
"""So many in a turn: each takes a tenth of a millisecond, and those who are connected already wait for it."""


class Accepting:
    """`make` makes the protocol of a connection."""

    def __init__(self, make: Callable[[], asyncio.Protocol]) -> None:
        self._make = make
        self._listening: dict[asyncio.Server, list[tuple[socket.socket, ssl.SSLContext | None]]] = {}
        self._beginning: set[asyncio.Task[object]] = set()
        self._due = False

    def add(self, server: asyncio.Server, tls: ssl.SSLContext | None = None) -> None:
        """What listens already, and takes one in a turn itself."""
        taken = [socket.socket(fileno=os.dup(each.fileno())) for each in server.sockets]
        for each in taken:
            each.setblocking(False)
        self._listening[server] = [(each, tls) for each in taken]

    def close(self, server: asyncio.Server) -> None:
        """Nothing more is taken, and the port is free if nobody else listens there."""
        for each, _ in self._listening.pop(server, ()):
            each.close()
        server.close()

    def close_all(self) -> None:
        for server in list(self._listening):
            self.close(server)

    def one_came(self) -> None:
        """Where one came, others may wait."""
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._take)

    def _take(self) -> None:
        self._due = False
        loop = asyncio.get_running_loop()
        for listening, tls in [one for each in self._listening.values() for one in each]:
            for _ in range(_TURN_MAX):
                try:
                    taken, _ = listening.accept()
                except OSError:
                    # Nobody waits; or there is no descriptor for one more, which the loop's own accepting deals with.
                    break
                taken.setblocking(False)
                self._begin(loop, taken, tls)

    def _begin(self, loop: asyncio.AbstractEventLoop, taken: socket.socket, tls: ssl.SSLContext | None) -> None:
        beginning = loop.create_task(loop.connect_accepted_socket(self._make, taken, ssl=tls))
        self._beginning.add(beginning)
        beginning.add_done_callback(self._begun)

    def _begun(self, beginning: "asyncio.Task[object]") -> None:
        self._beginning.discard(beginning)
        # A caller that is gone before it was there, or says no TLS, is nobody's mishap.
        if not beginning.cancelled():
            beginning.exception()
