"""One connection of a caller: one request at a time goes to the handler, and all that must come in time is watched.

The end of the caller's sending side, while an answer is due, counts as its going away: an agent that waits for an answer keeps its
side open, and an answer that nobody reads must not be paid for.
"""

import asyncio
from typing import Final, cast

from orchvynt.model.faults import Fault
from orchvynt.surfaces.api.http import answers
from orchvynt.surfaces.api.http.house import House
from orchvynt.surfaces.api.http.limits import SECOND
from orchvynt.surfaces.api.http.line import Line
from orchvynt.surfaces.api.http.messages import BETWEEN, BODY, HEAD, MessageReader
from orchvynt.surfaces.api.http.refusals import RefusedError, body_too_slow, header_too_slow, too_many_connections
from orchvynt.surfaces.api.http.sockets import peer_closed, reset_on_close, unread_bytes

NEVER: Final = 1 << 62


# Where a connection is, in order. From LINGERING on, nothing that the caller sends is read as a request.
READING: Final = 0
ANSWERING: Final = 1
LINGERING: Final = 2
CLOSING: Final = 3


class Connection(asyncio.Protocol):
    """Implements `Guest` towards its server and `Wire` towards its line."""

    __slots__ = (
        "_body_since",
        "_full",
        "_held",
        "_line",
        "_messages",
        "_paused",
        "_reading",
        "_stalled_bytes",
        "_state",
        "_told_full",
        "_transport",
        "deadline",
        "house",
    )

    _transport: asyncio.Transport
    _messages: MessageReader

    def __init__(self, house: House) -> None:
        self.house = house
        self._state = READING
        self._body_since = 0
        self._line: Line | None = None
        self._held = bytearray()
        self._reading = False
        self._paused = False
        self._full = False
        self._told_full = False
        self._stalled_bytes = 0
        self.deadline = NEVER

    # What the transport says.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        name = transport.get_extra_info("peername")
        self._messages = MessageReader(self.house.limits, f"{name[0]}:{name[1]}" if name else "")
        self.deadline = self.house.monotonic() + self.house.limits.header_ns
        crowd = self.house.opened(self)
        if crowd == "full":
            self._refuse(too_many_connections(self.house.limits))
        elif crowd == "overrun":
            self.drop()

    def data_received(self, data: bytes) -> None:
        if self._state >= LINGERING:
            return
        if self._line is not None or self._full or self._held:
            self._hold(data)
        else:
            self._read(data)

    def eof_received(self) -> bool:
        self._lose()
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- the transport says it; here a reset and an end are one
        self.house.closed(self)
        self._lose()
        self.deadline = NEVER

    def pause_writing(self) -> None:
        self._full = True
        self._stalled_bytes = unread_bytes(self._transport)
        if self._state < LINGERING:
            self.deadline = self.house.monotonic() + self.house.limits.write_stall_ns
        line = self._line
        if line is not None and not self._told_full:
            self._told_full = True
            if line.on_full is not None:
                line.on_full()

    def resume_writing(self) -> None:
        self._full = False
        # Not from within this call: asyncio's transport loses count of itself if it is closed here.
        asyncio.get_running_loop().call_soon(self._drained)

    def _drained(self) -> None:
        if self._full or self._state >= LINGERING:
            return
        line = self._line
        if line is not None:
            self.deadline = NEVER
            self._told_full = False
            if line.on_drained is not None:
                line.on_drained()
        else:
            self.deadline = self.house.monotonic() + self.house.limits.keep_alive_ns
            self._read_held()

    # What the line says.

    def send(self, data: bytes) -> None:
        self._transport.write(data)

    def finished(self, keep_alive: bool) -> None:
        self._line = None
        house = self.house
        house.requests_open -= 1
        if not keep_alive:
            self._close()
            return
        self._state = READING
        if not self._full:
            self.deadline = house.monotonic() + house.limits.keep_alive_ns
        if self._held and not self._reading:
            self._read_held()

    def cut(self, visibly: bool) -> None:
        self._line = None
        self.house.requests_open -= 1
        if visibly:
            reset_on_close(self._transport)
        self._close()

    # What the server says.

    @property
    def paused(self) -> bool:
        return self._paused

    def expire(self, now: int) -> None:
        if self._state >= LINGERING:
            self.drop()
        elif self._full:
            unread = unread_bytes(self._transport)
            if unread < self._stalled_bytes:
                self._stalled_bytes = unread
                self.deadline = now + self.house.limits.write_stall_ns
            else:
                self.drop()
        elif self._messages.phase == HEAD:
            self._refuse(header_too_slow(self.house.limits))
        elif self._messages.phase == BODY:
            self._refuse(body_too_slow(self.house.limits))
        else:
            self._close()

    def drain(self) -> None:
        if self._state == READING and self._messages.phase == BETWEEN:
            self._close()

    def drop(self) -> None:
        self._lose()
        self._transport.abort()

    def drop_if_gone(self) -> None:
        if self._paused and self._line is not None and peer_closed(self._transport):
            self.drop()

    # Reading.

    def _read(self, data: bytes) -> None:
        """Goes through `data` until a request is with the handler that is not answered at once; what is left is held."""
        messages = self._messages
        self._reading = True
        try:
            while data and self._line is None and not self._full and self._state == READING:
                was = messages.phase
                request = messages.feed(data)
                data = messages.rest
                if request is None:
                    self._expect_more(was)
                    continue
                self._state = ANSWERING
                self._told_full = False
                self.deadline = NEVER
                self._line = line = Line(self, request)
                house = self.house
                house.requests_open += 1
                house.requests_total += 1
                house.handle(request, line)
        except RefusedError as refused:
            self._refuse(refused.fault)
        finally:
            self._reading = False
        if data and self._state < LINGERING:
            self._hold(data)

    def _expect_more(self, was: int) -> None:
        messages = self._messages
        limits = self.house.limits
        if messages.phase == HEAD:
            if was == BETWEEN:
                self.deadline = self.house.monotonic() + limits.header_ns
        elif messages.phase == BODY:
            now = self.house.monotonic()
            if was != BODY:
                self._body_since = now
                if messages.continue_due:
                    messages.continue_due = False
                    self._transport.write(answers.CONTINUE)
            slowest = self._body_since + limits.body_idle_ns + messages.body_bytes * SECOND // limits.body_bytes_per_second_min
            self.deadline = min(now + limits.body_idle_ns, slowest)

    def _hold(self, data: bytes) -> None:
        self._held += data
        if len(self._held) > self.house.limits.pipelined_bytes_max and not self._paused and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()

    def _read_held(self) -> None:
        data = bytes(self._held)
        self._held.clear()
        self._unpause()
        if data:
            self._read(data)

    def _unpause(self) -> None:
        if self._paused:
            self._paused = False
            if not self._transport.is_closing():
                self._transport.resume_reading()

    # Ending.

    def _refuse(self, fault: Fault) -> None:
        """Says why and closes."""
        self.house.refused(fault)
        body = self.house.refuse(fault)
        headers = [("retry-after", str(fault.retry_after_seconds))] if fault.retry_after_seconds is not None else []
        head = answers.head(fault.status, "application/json", headers)
        self._transport.write(b"%b%b%bcontent-length: %d\r\n\r\n%b" % (head, self.house.date, answers.CLOSE, len(body), body))
        self._linger()

    def _linger(self) -> None:
        """Ends our side; what the caller still sends is thrown away for a while, so that no reset destroys what it has not read yet."""
        self._state = LINGERING
        self._held.clear()
        self.deadline = self.house.monotonic() + self.house.limits.linger_ns
        if self._transport.can_write_eof() and not self._transport.is_closing():
            self._transport.write_eof()
        self._unpause()

    def _close(self) -> None:
        if self._held:
            self._linger()
            return
        self._state = CLOSING
        self.deadline = self.house.monotonic() + self.house.limits.write_stall_ns
        self._transport.close()

    def _lose(self) -> None:
        """The caller is gone, or as good as."""
        self._state = CLOSING
        self._held.clear()
        self.deadline = self.house.monotonic() + self.house.limits.write_stall_ns
        line, self._line = self._line, None
        if line is not None:
            self.house.requests_open -= 1
            line.lose()
