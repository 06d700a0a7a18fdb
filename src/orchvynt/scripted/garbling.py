"""Answers whose bytes are wrong or too many: bad JSON, bad UTF-8, bad lengths, bad compression, giants. Pure and lazy.

The answer was generated, so it is billed whole, whatever the caller can make of it.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from typing import Final

from orchvynt.scripted import http_bytes
from orchvynt.scripted.faults import Fault
from orchvynt.scripted.shapes import Said, Wire
from orchvynt.scripted.steps import End, Send, Settle, Step

GARBLED: Final = (
    "bad_json",
    "truncated_json",
    "invalid_utf8",
    "wrong_content_type",
    "wrong_length",
    "giant_header",
    "giant_line",
    "giant_body",
    "gzip",
)
HEADER_BYTES: Final = 1 << 20
LINE_BYTES: Final = 16 << 20
BODY_BYTES: Final = 64 << 20
BOMB_BYTES: Final = 256 << 20
BLOCK_BYTES: Final = 64 << 10
BOMB_BLOCK_BYTES: Final = 1 << 20
_GZIP: Final = 16 + zlib.MAX_WBITS
_GZIP_HEAD: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
_CONTENT: Final = re.compile(rb'"(?:content|text|arguments|partial_json|refusal)":"(?=[^"])')


class Encoder:
    """What the bytes of a body go through before they are framed: line ends, compression. Flushed after every piece."""

    def __init__(self, *, crlf: bool = False, gzip: bool = False) -> None:
        self._crlf = crlf
        self._deflate = zlib.compressobj(wbits=_GZIP) if gzip else None

    def __call__(self, data: bytes) -> bytes:
        if self._crlf:
            data = data.replace(b"\n", b"\r\n")
        if self._deflate is None:
            return data
        return self._deflate.compress(data) + self._deflate.flush(zlib.Z_SYNC_FLUSH)

    def finish(self) -> bytes:
        return b"" if self._deflate is None else self._deflate.flush()


def steps(wire: Wire, said: Said, fault: Fault, headers: http_bytes.Headers) -> Iterator[Step]:
    """The steps of a garbled answer, whole or as a stream, as was asked."""
    failure = fault.failure
    kind = wire.stream_type if said.ask.stream else "application/json"
    body = _body(wire, said)
    yield Settle("garbled" if failure not in {"giant_header", "wrong_content_type"} else "whole")
    if failure in {"giant_line", "giant_body"}:
        yield from _giant(wire, said, fault, (*headers, ("content-type", kind)))
        return
    if failure == "gzip":
        yield from _bad_gzip(fault, (*headers, ("content-type", kind), ("content-encoding", "gzip")), body)
        return
    if failure == "wrong_length":
        shift = -min(40, len(body) - 1) if fault.wrong_length == "less" else 100
        yield Send(http_bytes.head(200, (*headers, ("content-type", kind), ("content-length", str(len(body) + shift)))) + body)
        yield End("keep" if fault.wrong_length == "less" else "close")
        return
    if failure == "giant_header":
        headers = (*headers, ("x-scripted-giant", "g" * (fault.giant_header or HEADER_BYTES)))
    elif failure == "wrong_content_type":
        kind = fault.wrong_content_type if isinstance(fault.wrong_content_type, str) else "text/plain"
    else:
        body = _mangled(body, failure)
    if said.ask.stream:
        framed = http_bytes.chunk(body) + http_bytes.LAST_CHUNK
        yield Send(http_bytes.head(200, (*headers, ("content-type", kind), ("transfer-encoding", "chunked"))) + framed)
    else:
        yield Send(http_bytes.whole(200, (*headers, ("content-type", kind)), body))
    yield End("keep")


def _body(wire: Wire, said: Said) -> bytes:
    if not said.ask.stream:
        return wire.whole(said)
    stream = wire.stream(said)
    return b"".join((*stream.opening, *(piece.data for piece in stream.content), *stream.closing, stream.terminal))


def _mangled(body: bytes, failure: str) -> bytes:
    """Spoils one line with content in the middle of a stream, or the one body; what is around it stays as it was."""
    lines = body.split(b"\n")
    spoken = [at for at, line in enumerate(lines) if _CONTENT.search(line)] or [at for at, line in enumerate(lines) if b"{" in line]
    at = spoken[len(spoken) // 2]
    line = lines[at]
    if failure == "bad_json":
        lines[at] = line.replace(b"{", b"{,", 1)
    elif failure == "truncated_json":
        lines[at] = line[: len(line) * 2 // 3]
    else:
        match = _CONTENT.search(line)
        cut = match.end() if match else line.rindex(b'"')
        lines[at] = line[:cut] + b"\xff\xfe\xc3(" + line[cut:]
    return b"\n".join(lines)


def _giant(wire: Wire, said: Said, fault: Fault, headers: http_bytes.Headers) -> Iterator[Step]:
    """A line without an end, or a body that goes on and on; sent in blocks, never held whole."""
    one_line = fault.failure == "giant_line"
    left = (fault.giant_line if one_line else fault.giant_body) or (LINE_BYTES if one_line else BODY_BYTES)
    block = b"x" * BLOCK_BYTES
    yield Send(http_bytes.head(200, (*headers, ("transfer-encoding", "chunked"))))
    if said.ask.stream and not one_line:
        frame = b"".join(piece.data for piece in wire.stream(said).content) or wire.ping()
        block = frame * max(1, BLOCK_BYTES // len(frame))
    else:
        yield Send(http_bytes.chunk(b'data: {"x":"' if said.ask.stream and said.ask.api != "ollama" else b'{"x":"'))
    while left > 0:
        yield Send(http_bytes.chunk(block))
        left -= len(block)
    yield Send(http_bytes.chunk(b'"}\n\n' if one_line or not said.ask.stream else b"\n") + http_bytes.LAST_CHUNK)
    yield End("close")


def _bad_gzip(fault: Fault, headers: http_bytes.Headers, body: bytes) -> Iterator[Step]:
    """`corrupt` breaks in the middle; `bomb` is small on the wire and huge when unpacked (blanks, which JSON allows)."""
    if fault.gzip == "corrupt":
        encode = Encoder(gzip=True)
        good = encode(body) + encode.finish()
        middle = len(good) // 2
        yield Send(http_bytes.whole(200, headers, good[:middle] + bytes(255 - byte for byte in good[middle:])))
        yield End("keep")
        return
    deflate = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    blanks = b" " * BOMB_BLOCK_BYTES
    yield Send(http_bytes.head(200, (*headers, ("transfer-encoding", "chunked"))) + http_bytes.chunk(_GZIP_HEAD))
    # A full flush forgets what came before, so one block is compressed once and sent many times.
    block = http_bytes.chunk(deflate.compress(blanks) + deflate.flush(zlib.Z_FULL_FLUSH))
    blocks = max(1, (fault.size or BOMB_BYTES) // BOMB_BLOCK_BYTES)
    checksum = 0
    for _ in range(blocks):
        checksum = zlib.crc32(blanks, checksum)
        yield Send(block)
    trailer = struct.pack("<II", checksum, blocks * BOMB_BLOCK_BYTES & 0xFFFF_FFFF)
    yield Send(http_bytes.chunk(deflate.flush() + trailer) + http_bytes.LAST_CHUNK)
    yield End("close")
