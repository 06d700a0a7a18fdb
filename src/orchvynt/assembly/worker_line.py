"""What a parent and its workers say to each other, over one socket for each worker: frames of MessagePack, in either direction."""

import asyncio
import socket
import struct
from typing import Final

import msgspec

from orchvynt.assembly.settings import Settings

_LENGTH: Final = struct.Struct("!I")


class Start(msgspec.Struct, frozen=True, tag=True):
    """What a worker is started with: listening sockets that it inherits. Of `data` it accepts from `own`, and covers others; only the one
    that leads has `admin`."""

    settings: Settings
    data: list[int]
    own: int
    admin: int | None


class Ready(msgspec.Struct, frozen=True, tag=True):
    """A worker serves."""


class Leave(msgspec.Struct, frozen=True, tag=True):
    """Another worker accepts from the same socket now: finish what is open, take nothing new, end."""


class Cover(msgspec.Struct, frozen=True, tag=True):
    """Nobody accepts from this socket: do so, until it is not `on` any more."""

    data: int
    on: bool


class Ask(msgspec.Struct, frozen=True, tag=True):
    """The parent asks a worker, or the one that leads asks for all others, what it counted. `number` comes back with the answer."""

    number: int


class Counted(msgspec.Struct, frozen=True, tag=True):
    """What one worker counted, encoded (`runtime.merging`)."""

    number: int
    figures: bytes


class Gathered(msgspec.Struct, frozen=True, tag=True):
    """What all others counted; of how many it is not known."""

    number: int
    figures: list[bytes]
    missing: int


Message = Start | Ready | Leave | Cover | Ask | Counted | Gathered

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Message).decode


class Line:
    """One end of it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, message: Message) -> None:
        """To nobody, once the other end is gone."""
        if not self._writer.is_closing():
            data = _encode(message)
            self._writer.write(_LENGTH.pack(len(data)) + data)

    async def receive(self) -> Message | None:
        """None once the other end is gone."""
        try:
            (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            return _decode(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, OSError):
            return None

    def close(self) -> None:
        self._writer.close()


def receive_start(end: socket.socket) -> Start | None:
    """The first message, before there is a loop. None if the parent is gone."""
    (length,) = _LENGTH.unpack(head) if len(head := _exactly(end, _LENGTH.size)) == _LENGTH.size else (0,)
    message = _decode(data) if length and len(data := _exactly(end, length)) == length else None
    return message if isinstance(message, Start) else None


def _exactly(end: socket.socket, count: int) -> bytes:
    """Less where it ends before."""
    data = bytearray()
    while len(data) < count and (part := end.recv(count - len(data))):
        data += part
    return bytes(data)
