"""One connection to a provider: carries one exchange at a time, and decides whether it may carry another.

llhttp's callbacks only take notes; the exchange is told after the whole read, so that it may cancel, and several chunks of one read
are one piece.
"""

import asyncio
from typing import Any, Final, Protocol, cast

import httptools

from orchvynt.adapters.upstream.carried import Carried
from orchvynt.adapters.upstream.framing import LINE_ENDS, TAIL_BYTES, Fields, Framing, ends_in_line_ends, read_framing, tail_of
from orchvynt.adapters.upstream.limits import UpstreamLimits

_SWITCHES: Final = "it switches protocols"


class Home(Protocol):
    """A pool as its connections see it."""

    limits: UpstreamLimits

    def free(self, connection: "Connection") -> None:
        """It may carry the next exchange."""
        ...

    def gone(self, connection: "Connection") -> None: ...


class Connection:
    """An asyncio.Protocol, but no subclass of it: compiled code (docs/decisions/053-compiled.md) knows where the attributes of a class
    without a Python class above it stand. `idle_since` is the pool's note."""

    __slots__ = (
        "_abandoned", "_bare_bytes", "_carried", "_delimited", "_excess", "_framing", "_head_bytes", "_headers", "_home", "_in_head",
        "_keep_alive", "_lost", "_parser", "_parts", "_paused", "_reused", "_status", "_tail", "_told", "_transport", "_whole", "_wrong",
        "idle_since",
    )  # fmt: skip

    def __init__(self, home: Home) -> None:
        self._home = home
        self._transport: asyncio.Transport | None = None
        self._carried: Carried | None = None
        # From when it is made until it is lost. It knows this connection: only the garbage collector would end the two.
        self._parser: Any = None
        self._headers: Fields = []
        self._parts: list[bytes] = []
        self._status = 0
        self._head_bytes = 0
        self._bare_bytes = 0
        self._wrong = ""
        self._in_head = True
        self._delimited = False
        self._framing = Framing()
        self._tail = b""
        self._keep_alive = False
        self._whole = False
        self._excess = False
        self._reused = False
        self._lost = False
        self._abandoned = False
        self._told = False
        self._paused = False
        self.idle_since = 0

    @property
    def usable(self) -> bool:
        transport = self._transport
        return transport is not None and not self._lost and not transport.is_closing()

    @property
    def lost(self) -> bool:
        """The transport has said so; it says nothing more."""
        return self._lost

    def carry(self, exchange: Carried, request: bytes) -> None:
        """Sends the request at once."""
        assert self._carried is None, "one exchange at a time"
        assert self._transport is not None
        self._carried = exchange
        # What is not reset here is set before it is read, or (`_excess`) never true on a connection that is used again.
        self._headers = []
        self._head_bytes = 0
        self._in_head = True
        self._told = False
        self._whole = False
        self._transport.write(request)

    def pause(self) -> None:
        transport = self._transport
        if transport is not None and self.usable and not self._paused:
            self._paused = True
            transport.pause_reading()

    def resume(self) -> None:
        transport = self._transport
        if transport is not None and self.usable and self._paused:
            self._paused = False
            transport.resume_reading()

    def abandon(self) -> None:
        """Closes at once, even if it is still being made; whoever is carried hears nothing more."""
        self._carried = None
        self._abandoned = True
        if self._transport is not None:
            self._transport.abort()

    def shut(self) -> None:
        """The same, and whoever is carried hears that we did it."""
        carried = self._carried
        self.abandon()
        if carried is not None:
            carried.take_shutdown()

    # What the transport says.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self._parser = httptools.HttpResponseParser(self)
        if self._abandoned:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        exchange = self._carried
        if exchange is None:
            # Bytes that nobody asked for: they would be taken for the next answer. Never used again.
            self.abandon()
            return
        in_body = self._told
        if self._in_head:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
            violation = self._wrong
        except httptools.HttpParserUpgrade:
            violation = _SWITCHES
        except httptools.HttpParserError as error:
            # After a whole response: the excess is not part of it.
            self._excess = self._whole
            violation = self._wrong or ("" if self._whole else f"it is not HTTP ({error})")
        if not in_body:
            if self._whole and not violation and self._tell_whole(exchange, data):
                return
            self._tell_head(exchange)
        parts = self._parts
        if parts:
            self._parts = []
            self._bare_bytes = 0
            if self._carried is exchange:
                exchange.take_body(parts[0] if len(parts) == 1 else b"".join(parts))
        elif self._told and not self._whole:
            # llhttp keeps a trailer until its line ends.
            self._bare_bytes += len(data)
            if self._bare_bytes > self._home.limits.header_bytes_max:
                violation = "it goes on without body and without end"
        if self._carried is not exchange:
            return
        if violation:
            self._violate(violation, False)
        elif self._whole:
            self._excess = self._excess or ends_in_line_ends(self._tail, data, parts, self._framing, in_body)
            self._part()
            exchange.take_end()
        else:
            self._tail = data[-TAIL_BYTES:] if len(data) >= TAIL_BYTES else tail_of(self._tail, data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._parser = None
        self._home.gone(self)
        carried, self._carried = self._carried, None
        if carried is None:
            return
        if exc is None and not self._in_head and not self._delimited:
            # RFC 9112 section 6.3: without a length the body ends with the connection.
            carried.take_end()
        else:
            carried.take_loss(self._head_bytes > 0, self._reused, exc is not None)

    # After the provider's end the transport closes, and says so; what it does not take yet of a request stands there.
    def eof_received(self) -> None: ...

    def pause_writing(self) -> None: ...

    def resume_writing(self) -> None: ...

    # What llhttp says.

    def on_message_begin(self) -> None:
        if self._whole:
            self._excess = True

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        if self._whole or self._wrong:
            return
        self._status = status = self._parser.get_status_code()
        version = self._parser.get_http_version()
        if version != "1.1" and version != "1.0":
            # The parser takes 0.9 and 2.0 in a status line; nobody who speaks them writes one.
            self._wrong = f"HTTP/{version} is not the version that was asked"
        elif status < 200:
            # RFC 9110 section 15.2: interim responses may be ignored.
            self._headers = []
            if status == 101:
                self._wrong = _SWITCHES
            elif status < 100:
                self._wrong = f"{status:03} is not a status"
            return
        self._in_head = False
        self._delimited = status in (204, 304)

    def on_body(self, data: bytes) -> None:
        if not self._whole and not self._in_head:
            self._parts.append(data)

    def on_message_complete(self) -> None:
        if not self._in_head and not self._whole:
            self._whole = True
            self._keep_alive = self._parser.should_keep_alive()

    # What the exchange is told.

    def _tell_whole(self, exchange: Carried, data: bytes) -> bool:
        """Most responses come in one read, and are told in one call. False, and nothing is told, of those that are not plain enough."""
        limits, headers, parts = self._home.limits, self._headers, self._parts
        if not parts or self._head_bytes != len(data) or len(data) > limits.header_bytes_max or len(headers) > limits.header_fields_max:
            return False
        framing = read_framing(headers)
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        if framing.coding or framing.wrong or len(body) > limits.body_bytes_max:
            return False
        if data[-1] in LINE_ENDS:
            self._excess = self._excess or ends_in_line_ends(b"", data, parts, framing, False)
        self._parts = []
        self._told = True
        exchange.take_whole(self._status, headers, body)
        # Whoever gave up at what it heard has ended the connection.
        if self._carried is exchange:
            self._part()
            exchange.take_end()
        return True

    def _tell_head(self, exchange: Carried) -> None:
        limits = self._home.limits
        # The measure costs as much as all else here, so it is only taken when the whole read is larger than a header may be.
        large = self._head_bytes > limits.header_bytes_max and self._measure() > limits.header_bytes_max
        if large or len(self._headers) > limits.header_fields_max:
            self._violate(f"its header is larger than {limits.header_bytes_max} bytes or {limits.header_fields_max} fields", True)
        elif not self._in_head:
            self._told = True
            self._framing = framing = read_framing(self._headers)
            self._delimited = self._delimited or framing.said
            if framing.wrong:
                self._violate(framing.wrong, False)
            else:
                exchange.take_head(self._status, self._headers, framing.coding)

    def _measure(self) -> int:
        """The size of the header; while it is not complete, of all that came, interim responses included."""
        return self._head_bytes if self._in_head else sum([len(name) + len(value) + 4 for name, value in self._headers])

    def _violate(self, what: str, too_large: bool) -> None:
        exchange = self._carried
        self.abandon()
        if exchange is not None:
            exchange.take_violation(what, too_large)

    def _part(self) -> None:
        """The response is whole: the connection goes to whom it may carry next, or ends."""
        transport = self._transport
        assert transport is not None
        self._carried = None
        # What is not sent yet would be taken for the next request's beginning.
        if self._keep_alive and not self._excess and not transport.get_write_buffer_size():
            self._reused = True
            if self._paused:
                self.resume()
            self._home.free(self)
        else:
            transport.close()
