"""A provider played by a test: raw sockets, a script per connection, and a listener that remembers what it heard."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.loops import until

from orchvynt.adapters.clock import SystemClock
from orchvynt.adapters.upstream.client import HttpUpstream
from orchvynt.adapters.upstream.exchange import Exchange
from orchvynt.adapters.upstream.limits import UpstreamLimits
from orchvynt.ports.clock import Clock
from orchvynt.ports.upstream import Address, UpstreamFailure

MS = 1_000_000
TLS = Path(__file__).parent / "tls"
OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
PLAIN = OK + b"content-length: 2\r\n\r\n{}"


class Wire:
    """One connection, seen from the provider."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def request(self) -> tuple[bytes, bytes]:
        """Head and body of the next request."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"content-length:"))
        return head, await self._reader.readexactly(length)

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    async def flush(self) -> None:
        await self._writer.drain()

    async def closed_by_peer(self) -> None:
        try:
            while await self._reader.read(65_536):
                pass
        except ConnectionError:
            return

    def close(self) -> None:
        self._writer.close()

    def reset(self) -> None:
        raw: socket.socket = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


Script = Callable[[Wire], Awaitable[None]]


class Provider:
    """`connections` counts them; `address` is where it listens, until `stop`."""

    def __init__(self, address: Address, stop: Callable[[], None]) -> None:
        self.address = address
        self.stop = stop
        self.connections = 0


@asynccontextmanager
async def playing(script: Script, certificate: str = "") -> AsyncIterator[Provider]:
    """Runs `script` for every connection; a connection that the client closes ends its script."""
    tls: ssl.SSLContext | None = None
    if certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(TLS / certificate)
    wires: set[Wire] = set()
    scripts: set[asyncio.Task[None]] = set()

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        provider.connections += 1
        wire = Wire(reader, writer)
        wires.add(wire)
        task = asyncio.current_task()
        assert task is not None
        scripts.add(task)
        try:
            await script(wire)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return
        finally:
            scripts.discard(task)
            wire.close()

    server = await asyncio.start_server(play, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    provider = Provider(Address("localhost" if certificate else "127.0.0.1", port, bool(certificate)), server.close)
    try:
        yield provider
    finally:
        server.close()
        for task in list(scripts):
            task.cancel()
        await until(lambda: not scripts)
        await asyncio.sleep(0)


class Listener:
    """Remembers. `events` are its calls in order, as words."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.status = 0
        self.headers: Sequence[tuple[bytes, bytes]] = ()
        self.body = b""
        self.failure: UpstreamFailure | None = None
        self.over = asyncio.Event()

    def on_head(self, status: int, headers: Sequence[tuple[bytes, bytes]]) -> None:
        self.events.append("head")
        self.status = status
        self.headers = headers

    def on_data(self, data: bytes) -> None:
        assert data
        self.events.append("data")
        self.body += data

    def on_end(self) -> None:
        self.events.append("end")
        self.over.set()

    def on_failure(self, failure: UpstreamFailure) -> None:
        self.events.append("failure")
        self.failure = failure
        self.over.set()

    async def whole(self) -> bytes:
        await asyncio.wait_for(self.over.wait(), 10)
        assert self.failure is None, self.failure
        assert self.events[0] == "head"
        assert self.events[-1] == "end"
        assert set(self.events[1:-1]) <= {"data"}
        return self.body

    async def failed(self) -> UpstreamFailure:
        await asyncio.wait_for(self.over.wait(), 10)
        assert self.failure is not None, self.events
        assert self.events.count("failure") == 1
        assert self.events[-1] == "failure"
        return self.failure


@asynccontextmanager
async def client(
    limits: UpstreamLimits | None = None, ca_file: str | None = None, clock: Clock | None = None
) -> AsyncIterator[HttpUpstream]:
    upstream = HttpUpstream(clock if clock is not None else SystemClock(), limits, ca_file)
    try:
        yield upstream
    finally:
        await upstream.close()
        await until(lambda: upstream.connections_open == 0)


def post(
    upstream: HttpUpstream, address: Address, body: bytes = b"{}", connect_ms: int = 2000, fresh: bool = False
) -> tuple[Exchange, Listener]:
    listener = Listener()
    fields = [("content-type", "application/json")]
    call = upstream.send(address, "/v1/chat/completions", fields, body, connect_ms * MS, listener, fresh=fresh)
    assert listener.events == [], "the listener is never called before send has returned"
    return call, listener


def answering(response: bytes, times: int = 1_000_000) -> Script:
    """Answers so many requests with the same bytes, then closes."""

    async def script(wire: Wire) -> None:
        for _ in range(times):
            await wire.request()
            wire.send(response)
            await wire.flush()

    return script
