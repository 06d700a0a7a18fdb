"""A connection in memory: two transports, each of which gives to the other's protocol what is written. It knows no bytes.

What asyncio promises of TCP holds: order, back-pressure, a whole delivery before an orderly end, and none after a reset.
"""

import asyncio
from collections import deque
from typing import Any, Final

HIGH_WATER_BYTES: Final = 256 * 1024
LOW_WATER_BYTES: Final = 64 * 1024


def connect(loop: asyncio.AbstractEventLoop, near: Any, far: Any) -> tuple["MemoryTransport", Any]:
    """Connects two protocols; gives the near one's side, as `create_connection` does."""
    ours, theirs = MemoryTransport(loop, near), MemoryTransport(loop, far)
    ours.peer, theirs.peer = theirs, ours
    far.connection_made(theirs)
    near.connection_made(ours)
    return ours, near


class MemoryTransport(asyncio.Transport):
    """One end. `_inbox` is what the other end wrote and this end's protocol has not been given yet."""

    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: Any) -> None:
        super().__init__()
        self.peer: MemoryTransport | None = None
        self._loop = loop
        self._protocol = protocol
        self._inbox: deque[bytes] = deque()
        self._inbox_bytes = 0
        self._reading = True
        self._scheduled = False
        self._peer_stopped = False
        self._closing = False
        self._peer_ended = False
        self._lost = False

    # What the protocol on this side says.

    def write(self, data: bytes | bytearray | memoryview) -> None:
        peer = self.peer
        if data and not self._closing and peer is not None and not peer._closing:
            peer._take(bytes(data))

    def close(self) -> None:
        """What was written still arrives."""
        if not self._closing:
            self._closing = True
            self._loop.call_soon(self._lose, None)
            if self.peer is not None:
                self.peer._end()

    def abort(self) -> None:
        """What was written and has not arrived is lost; the other side sees a reset."""
        if not self._closing:
            self._closing = True
            self._loop.call_soon(self._lose, None)
            if self.peer is not None:
                self.peer._reset()

    def is_closing(self) -> bool:
        return self._closing

    def is_reading(self) -> bool:
        return self._reading

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        self._reading = True
        self._schedule()

    def get_write_buffer_size(self) -> int:
        """What was written is with the other side at once."""
        return 0

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        found: asyncio.BaseProtocol = self._protocol
        return found

    # What the other side says.

    def _take(self, data: bytes) -> None:
        self._inbox.append(data)
        self._inbox_bytes += len(data)
        if self._inbox_bytes > HIGH_WATER_BYTES and not self._peer_stopped and self.peer is not None:
            self._peer_stopped = True
            self.peer._protocol.pause_writing()
        self._schedule()

    def _end(self) -> None:
        self._peer_ended = True
        self._schedule()

    def _reset(self) -> None:
        self._inbox.clear()
        self._closing = True
        self._loop.call_soon(self._lose, ConnectionResetError("Connection reset by peer"))

    def _schedule(self) -> None:
        if not self._scheduled and not self._lost:
            self._scheduled = True
            self._loop.call_soon(self._deliver)

    def _deliver(self) -> None:
        """One write at a time, so that a reader may pause, close or reset between two of them."""
        self._scheduled = False
        while self._inbox and self._reading and not self._closing:
            data = self._inbox.popleft()
            self._inbox_bytes -= len(data)
            self._protocol.data_received(data)
        if self._peer_stopped and self._inbox_bytes < LOW_WATER_BYTES and self.peer is not None and not self.peer._lost:
            self._peer_stopped = False
            self.peer._protocol.resume_writing()
        if self._peer_ended and not self._inbox and not self._closing:
            self._closing = True
            self._loop.call_soon(self._lose, None)

    def _lose(self, error: Exception | None) -> None:
        if not self._lost:
            self._lost = True
            self._inbox.clear()
            self._protocol.connection_lost(error)
