"""What only the kernel knows of a connection. All of it is rarely asked: on the way out, or by the sweep about a stuck connection."""

import asyncio
import fcntl
import select
import socket
import struct
import termios
from typing import Final

_RESET: Final = struct.pack("ii", 1, 0)
_PEER_CLOSED: Final = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR


def unread_bytes(transport: asyncio.Transport) -> int:
    """What was written and not yet taken by the peer: here, and in the kernel, which hides slow progress behind megabytes."""
    waiting = transport.get_write_buffer_size()
    raw = _socket(transport)
    if raw is not None:
        queued: int = struct.unpack("i", fcntl.ioctl(raw.fileno(), termios.TIOCOUTQ, bytes(4)))[0]
        waiting += queued
    return waiting


def peer_closed(transport: asyncio.Transport) -> bool:
    """Whether the peer has closed its side, even if there are bytes before that which were not read."""
    raw = _socket(transport)
    if raw is None:
        return False
    poll = select.poll()
    poll.register(raw.fileno(), _PEER_CLOSED)
    return bool(poll.poll(0))


def reset_on_close(transport: asyncio.Transport) -> None:
    """The close of this connection will be an error for the peer, not the end of a stream."""
    raw = _socket(transport)
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


def _socket(transport: asyncio.Transport) -> socket.socket | None:
    raw: socket.socket | None = transport.get_extra_info("socket")
    return raw if raw is not None and raw.fileno() >= 0 else None
