"""One HTTP/1.1 connection: parses requests, hands them over one after the other, lets answers misbehave byte by byte.

Parsing is llhttp's, through httptools. Bounded: header, body, and requests in a row.
"""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol, cast

import httptools
import msgspec

from orchvynt.scripted import http_bytes
from orchvynt.scripted.steps import End

HEADER_BYTES_MAX: Final = 256 << 10
BODY_BYTES_MAX: Final = 64 << 20
QUEUED_MAX: Final = 16
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class Request(msgspec.Struct, frozen=True):
    """One request. Header names are lower case; of a repeated header the last one counts. `reused`: not the connection's first."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    keep_alive: bool
    reused: bool


class _TooLargeError(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Exchange(Protocol):
    """What answers one request."""

    def start(self) -> None: ...

    def lost(self) -> None: ...


class Connection(asyncio.Protocol):
    """`begin` makes the exchange for a request; `left` is told when the connection is gone."""

    def __init__(self, begin: "Callable[[Request, Connection], Exchange]", left: "Callable[[Connection], None]") -> None:
        self._begin = begin
        self._left = left
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[Request] = deque()
        self._exchange: Exchange | None = None
        self._keep_alive = True
        self._served = 0
        self._advancing = False
        self._writable = asyncio.Event()
        self._writable.set()
        self._closed = True
        self._unparsed_bytes = 0
        self._fresh()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports fit the shape without being of the class.
        self._transport = cast(asyncio.Transport, transport)
        self._closed = False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's shape
        self._closed = True
        self._waiting.clear()
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.lost()
        self._writable.set()
        self._left(self)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    # What an exchange may do.

    def write(self, data: bytes) -> None:
        if not self._closed:
            self._transport.write(data)

    @property
    def congested(self) -> bool:
        return not self._writable.is_set()

    async def drained(self) -> None:
        await self._writable.wait()

    def finish(self, end: End) -> None:
        """The exchange is over; the next request in the row begins, if the connection stays."""
        self._exchange = None
        if self._closed:
            return
        if end.how == "reset":
            self.abort()
        elif end.how == "close" or not self._keep_alive:
            self._closed = True
            self._transport.close()
        else:
            self._next()

    def abort(self) -> None:
        """Ends the connection with RST; what was not sent is lost."""
        if self._closed:
            return
        sock = self._transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._transport.abort()

    # What the parser calls.

    def data_received(self, data: bytes) -> None:
        if self._closed:
            return
        self._unparsed_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            self._refuse(cause.status if isinstance(cause, _TooLargeError) else 400, "the request is larger than this provider takes")
            return
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse(400, "this is not an HTTP/1.1 request")
            return
        if self._in_body or not self._target:
            self._unparsed_bytes = 0
        elif self._unparsed_bytes > HEADER_BYTES_MAX:
            # One field that never ends: the parser keeps it to itself until it does.
            self._refuse(431, "the request is larger than this provider takes")
            return
        if len(self._waiting) >= QUEUED_MAX:
            self._transport.pause_reading()
        if self._exchange is None:
            self._next()

    def on_url(self, url: bytes) -> None:
        self._target += url
        self._count_header(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count_header(len(name) + len(value))
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._in_body = True
        if self._headers.get("expect", "").lower() == "100-continue":
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, data: bytes) -> None:
        self._body_bytes += len(data)
        if self._body_bytes > BODY_BYTES_MAX:
            raise _TooLargeError(413)
        self._body.append(data)

    def on_message_complete(self) -> None:
        method = self._parser.get_method().decode("latin-1")
        target = self._target.decode("latin-1")
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        request = Request(method, target, self._headers, body, self._parser.should_keep_alive(), self._served > 0)
        self._served += 1
        self._waiting.append(request)
        self._fresh()

    def _count_header(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > HEADER_BYTES_MAX:
            raise _TooLargeError(431)

    def _fresh(self) -> None:
        self._target = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._header_bytes = 0
        self._unparsed_bytes = 0
        self._in_body = False

    def _next(self) -> None:
        """Begins what waits. A loop and no recursion: one read may bring hundreds of requests that are answered at once."""
        if self._advancing:
            return
        self._advancing = True
        while self._waiting and self._exchange is None and not self._closed:
            request = self._waiting.popleft()
            self._keep_alive = request.keep_alive
            self._exchange = self._begin(request, self)
            self._exchange.start()
        self._advancing = False
        if len(self._waiting) < QUEUED_MAX and not self._closed:
            self._transport.resume_reading()

    def _refuse(self, status: int, message: str) -> None:
        self.write(http_bytes.whole(status, (("content-type", "text/plain"), ("connection", "close")), message.encode()))
        self._closed = True
        self._transport.close()
