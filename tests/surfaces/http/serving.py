"""A server on a real socket with a handler of the test's own, and raw connections to it, on both event loops."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec

from orchvynt.adapters.clock import SystemClock
from orchvynt.model.faults import Fault
from orchvynt.surfaces.api.http.limits import Limits
from orchvynt.surfaces.api.http.line import Line
from orchvynt.surfaces.api.http.request import Request
from orchvynt.surfaces.api.http.server import HttpServer

MS = 1_000_000
BODY = b'{"model": "gpt-4o", "messages": []}'
POST = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
WHOLE = POST + LENGTH + b"\r\n" + BODY
QUICK = Limits(
    header_ns=400 * MS, body_idle_ns=400 * MS, keep_alive_ns=600 * MS, write_stall_ns=400 * MS, linger_ns=300 * MS, sweep_ns=50 * MS
)


def refuse(fault: Fault) -> bytes:
    """As the wire contract says."""
    return msgspec.json.encode({"error": {"message": fault.text, "type": fault.code, "param": fault.param, "code": fault.code}})


class Handler:
    """Remembers what it was given. `then` answers; without it nobody does."""

    def __init__(self, then: Callable[[Request, Line], None] | None) -> None:
        self.seen: list[tuple[Request, Line]] = []
        self._then = then

    def __call__(self, request: Request, line: Line) -> None:
        self.seen.append((request, line))
        if self._then is not None:
            self._then(request, line)


def echo(request: Request, line: Line) -> None:
    line.answer(200, (), request.body)


@asynccontextmanager
async def serving(handler: Handler, limits: Limits = QUICK) -> AsyncIterator[tuple[HttpServer, int]]:
    server = HttpServer(handler, refuse, limits, SystemClock())
    port = await server.start("127.0.0.1", 0)
    try:
        yield server, port
    finally:
        await server.drain(0.0)
        assert server.connections_open == 0
        assert server.requests_open == 0


class Peer:
    """One raw connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def to(cls, port: int, limit: int = 1 << 16) -> "Peer":
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=limit))

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def response(self, wait: float = 5.0) -> tuple[int, dict[bytes, bytes], bytes]:
        """Status, fields and body of one whole response. Raises IncompleteReadError if it is cut."""
        return await asyncio.wait_for(self._response(), wait)

    async def _response(self) -> tuple[int, dict[bytes, bytes], bytes]:
        head = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = head[:-4].split(b"\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        status = int(first.split(b" ")[1])
        if b"content-length" in fields:
            return status, fields, await self.reader.readexactly(int(fields[b"content-length"]))
        if fields.get(b"transfer-encoding") == b"chunked":
            return status, fields, await self._chunks()
        return status, fields, b""

    async def _chunks(self) -> bytes:
        body = b""
        while True:
            size = int(await self.reader.readuntil(b"\r\n"), 16)
            chunk = await self.reader.readexactly(size + 2)
            assert chunk.endswith(b"\r\n")
            if not size:
                return body
            body += chunk[:-2]

    async def rest(self, wait: float = 5.0) -> bytes:
        """Everything until the server closes, which it must within `wait` seconds."""
        return await asyncio.wait_for(self.reader.read(-1), wait)

    async def close(self) -> None:
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except OSError:
            return

    def reset(self) -> None:
        self.writer.transport.abort()


async def send_all(port: int, data: bytes, wait: float = 5.0) -> tuple[list[int], bytes]:
    """Sends `data`, reads until the server closes, gives the statuses and all bytes."""
    peer = await Peer.to(port)
    peer.send(data)
    try:
        out = await peer.rest(wait)
    finally:
        await peer.close()
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", out)], out
