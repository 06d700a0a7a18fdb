"""One keep-alive connection of a measurement: as much of HTTP/1.1 as it takes to ask, and to read an answer to its last byte."""

import asyncio
import socket
import time
from collections.abc import Mapping
from typing import NamedTuple, Self

from processes import BenchError


class Answered(NamedTuple):
    """`first` is when the first byte of the body was there, `last` when the last one was: monotonic nanoseconds."""

    status: int
    body: bytes
    first: int
    last: int


class Line:
    """One request after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int, held_bytes: int = 1 << 22) -> Self:
        """With fewer `held_bytes` whoever sends has to wait for a reader that pauses."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=held_bytes)
        if held_bytes < 1 << 16:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, held_bytes)
        return cls(reader, writer)

    async def ask(self, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answered:
        """A POST where there is a body, else a GET. Raises BenchError if the connection ends too soon."""
        self.send(path, body, headers)
        try:
            return await self.answer()
        except asyncio.IncompleteReadError as broken:
            raise BenchError(f"{path} was not answered to its end: {broken.partial[-300:]!r}") from broken

    def send(self, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None, method: str = "") -> None:
        lines = [f"{method or ('POST' if body else 'GET')} {path} HTTP/1.1", "host: 127.0.0.1"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        lines += ["content-type: application/json", f"content-length: {len(body)}"] if body else []
        self._writer.write("\r\n".join([*lines, "", ""]).encode() + body)

    async def answer(self, paused_s: float = 0.0) -> Answered:
        """The next one, with a pause after each chunk."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        status = int(head.split(b" ", 2)[1])
        _, found, rest = head.partition(b"\r\ncontent-length:")
        if not found:
            return await self._chunks(status, paused_s)
        count = int(rest.split(b"\r\n", 1)[0])
        body = await self._reader.readexactly(count)
        now = time.monotonic_ns()
        return Answered(status, body, now, now)

    async def _chunks(self, status: int, paused_s: float) -> Answered:
        """`first` is that of the first chunk, as far as it had come by then."""
        parts: list[bytes] = []
        first = 0
        while count := int(await self._reader.readuntil(b"\r\n"), 16):
            parts.append((await self._reader.readexactly(count + 2))[:-2])
            first = first or time.monotonic_ns()
            if paused_s:
                await asyncio.sleep(paused_s)
        await self._reader.readexactly(2)
        return Answered(status, b"".join(parts), first, time.monotonic_ns())

    def close(self) -> None:
        self._writer.close()
