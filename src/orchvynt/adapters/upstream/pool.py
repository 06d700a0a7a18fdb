"""All connections to one address: the last one used is used first, their number is bounded, and who waits is served in order."""

import asyncio
import ssl
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Final, cast

from orchvynt.adapters.upstream.connection import Connection
from orchvynt.adapters.upstream.exchange import Exchange
from orchvynt.adapters.upstream.failures import CONNECT_ERRORS, connect_failure, place
from orchvynt.adapters.upstream.limits import SECOND, UpstreamLimits
from orchvynt.adapters.upstream.requests import fields, prefix
from orchvynt.ports.upstream import Address, UpstreamFailure

_PREFIXES_MAX: Final = 64
Headers = tuple[tuple[str, str], ...]


class Pool:
    """`open` counts connections from the start of their making. `dials` counts connection attempts."""

    def __init__(self, address: Address, limits: UpstreamLimits, tls: ssl.SSLContext | None, monotonic: Callable[[], int]) -> None:
        self.address = address
        self.limits = limits
        self.monotonic = monotonic
        self.open = 0
        self.dials = 0
        self._tls = tls
        self._prefixes: dict[tuple[str, Headers], bytes] = {}
        self._idle: list[Connection] = []
        self._live: set[Connection] = set()
        self._waiters: OrderedDict[Exchange, None] = OrderedDict()
        self._dialling: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> int:
        return len(self._waiters)

    @property
    def idle(self) -> int:
        return len(self._idle)

    def take_idle(self) -> Connection | None:
        idle = self._idle
        while idle:
            connection = idle.pop()
            if connection.usable:
                return connection
        return None

    def prefix(self, path: str, shared: Headers) -> bytes:
        """The beginning of a request for `path`, kept: a provider has few paths and keys. Raises UnsendableError."""
        key = (path, shared)
        start = self._prefixes.get(key)
        if start is None:
            if len(self._prefixes) >= _PREFIXES_MAX:
                self._prefixes.clear()
            start = self._prefixes[key] = prefix(self.address, path) + fields(shared)
        return start

    # What exchanges say.

    def request(self, exchange: Exchange) -> None:
        """Not for the hot path: `take_idle` was empty."""
        loop = asyncio.get_running_loop()
        exchange.timer = loop.call_later(exchange.connect_ns / SECOND, exchange.expire)
        if self.open < self.limits.connections_max:
            self._dial(exchange, loop)
        elif len(self._waiters) < self.limits.waiters_max:
            self._waiters[exchange] = None
        else:
            what = f"{place(self.address)}: {self.limits.connections_max} connections are busy and {len(self._waiters)} exchanges wait."
            loop.call_soon(exchange.fail, UpstreamFailure("busy", what, bytes_seen=False, sent=exchange.sent))

    def withdraw(self, exchange: Exchange) -> None:
        self._waiters.pop(exchange, None)
        task, exchange.task = exchange.task, None
        if task is not None:
            task.cancel()

    # What connections say.

    def free(self, connection: Connection) -> None:
        if self._waiters:
            exchange, _ = self._waiters.popitem(last=False)
            exchange.ride(connection)
            return
        connection.idle_since = self.monotonic()
        self._idle.append(connection)

    def gone(self, connection: Connection) -> None:
        if connection in self._live:
            self._live.discard(connection)
            self._release()
        # Most recently used ones are at the end, and those go away last; the list is bounded by connections_max.
        if connection in self._idle:
            self._idle.remove(connection)

    def distrust(self) -> None:
        """One that was kept has failed a caller: those that are kept now may be no better, and nobody is to meet them."""
        old, self._idle = self._idle, []
        for connection in old:
            connection.abandon()

    # Making and ending connections.

    def sweep(self, now: int) -> None:
        """Closes what has been idle for too long: the oldest stand first."""
        before = now - self.limits.idle_ns
        expired = 0
        for connection in self._idle:
            if connection.idle_since > before:
                break
            expired += 1
        old, self._idle = self._idle[:expired], self._idle[expired:]
        for connection in old:
            connection.abandon()

    async def close(self) -> None:
        what = UpstreamFailure("closed", f"{place(self.address)}: the client was closed.", bytes_seen=False, sent=True)
        for exchange in list(self._waiters):
            exchange.fail(what)
        dialling = list(self._dialling)
        for task in dialling:
            task.cancel()
        await asyncio.gather(*dialling, return_exceptions=True)
        for connection in list(self._live):
            connection.shut()
        self._idle.clear()

    def _dial(self, exchange: Exchange, loop: asyncio.AbstractEventLoop) -> None:
        self.open += 1
        self.dials += 1
        connection = Connection(self)
        # The one task of this adapter: a connection attempt is a coroutine in every loop, and rare against exchanges.
        task = loop.create_task(self._connect(exchange, connection, loop))
        exchange.task = task
        self._dialling.add(task)
        task.add_done_callback(partial(self._dialled, connection))

    def _dialled(self, connection: Connection, task: asyncio.Task[None]) -> None:
        self._dialling.discard(task)
        if task.cancelled():
            # Here and not in the task, which may have been cancelled before its first step.
            connection.abandon()
            self._release()

    async def _connect(self, exchange: Exchange, connection: Connection, loop: asyncio.AbstractEventLoop) -> None:
        address = self.address
        try:
            protocol = cast(asyncio.Protocol, connection)
            name = address.host if self._tls else None
            await loop.create_connection(lambda: protocol, address.host, address.port, ssl=self._tls, server_hostname=name)
        except CONNECT_ERRORS as error:
            exchange.task = None
            self._release()
            exchange.fail(connect_failure(error, address, exchange.sent))
            return
        exchange.task = None
        if connection.lost:
            self._release()
        else:
            self._live.add(connection)
        if connection.usable:
            exchange.ride(connection)
        else:
            what = f"{place(address)}: it closed the connection at once."
            exchange.fail(UpstreamFailure("closed", what, bytes_seen=False, sent=exchange.sent))

    def _release(self) -> None:
        """A place is free: who waits longest gets it."""
        self.open -= 1
        if self._waiters and self.open < self.limits.connections_max:
            exchange, _ = self._waiters.popitem(last=False)
            self._dial(exchange, asyncio.get_running_loop())
