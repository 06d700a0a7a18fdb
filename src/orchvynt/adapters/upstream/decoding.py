"""Undoes the content coding of a response body (gzip, deflate), a piece at a time, so that a small body cannot become a huge one."""

import zlib
from typing import Final, Protocol

from orchvynt.adapters.upstream.limits import UpstreamLimits

PIECE_BYTES: Final = 64 * 1024
_GZIP: Final = 16 + zlib.MAX_WBITS
_GZIPS: Final = frozenset(("gzip", "x-gzip"))


class _Inflater(Protocol):
    """What zlib's decompression objects, which have no public type, offer."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    @property
    def unconsumed_tail(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class CorruptBodyError(Exception):
    """The body is not what its content-encoding says."""


class ExpandedBodyError(Exception):
    """The body grows beyond what is allowed when it is decompressed."""


class Decoder:
    """`push` compressed bytes, `pull` pieces until one is empty, and at the end of the body `finish`."""

    __slots__ = ("_ended", "_gzip", "_inflater", "_input", "_limits", "_more", "_read_bytes", "_written_bytes")

    def __init__(self, coding: str, limits: UpstreamLimits) -> None:
        """`coding` is the value of content-encoding. Raises CorruptBodyError if it is not gzip or deflate."""
        if coding not in _GZIPS and coding != "deflate":
            raise CorruptBodyError(f"the content-encoding {coding[:40]!r} was not asked for and is not understood")
        self._gzip = coding != "deflate"
        self._limits = limits
        self._inflater: _Inflater | None = None
        self._input = b""
        self._more = False
        self._ended = False
        self._read_bytes = 0
        self._written_bytes = 0

    @property
    def waiting(self) -> bool:
        """There may be more to pull."""
        return bool(self._input) or self._more

    def push(self, data: bytes) -> None:
        self._read_bytes += len(data)
        self._input = self._input + data if self._input else data

    def pull(self) -> bytes:
        """At most PIECE_BYTES; empty when more input is needed. Raises CorruptBodyError, ExpandedBodyError."""
        while self._input or self._more:
            if self._ended and not self._gzip:
                raise CorruptBodyError("there are bytes after the end of the compressed body")
            inflater = self._inflater
            if inflater is None:
                inflater = self._inflater = self._begin(self._input)
            try:
                piece = inflater.decompress(self._input, PIECE_BYTES)
            except zlib.error as error:
                raise CorruptBodyError(f"the compressed body is corrupt ({error})") from None
            if inflater.eof:
                # RFC 1952 section 2.2: a gzip body may be several members in a row.
                self._input = inflater.unused_data
                self._inflater = None
                self._ended = True
                self._more = False
            else:
                self._input = inflater.unconsumed_tail
                # A full piece may have taken all input and still leave output inside.
                self._more = len(piece) == PIECE_BYTES
            if piece:
                self._check(len(piece))
                return piece
        return b""

    def finish(self) -> None:
        """Raises CorruptBodyError if the body ends within the compressed data."""
        if self._inflater is not None:
            raise CorruptBodyError("the compressed body is cut")

    def _begin(self, data: bytes) -> _Inflater:
        if self._gzip:
            return zlib.decompressobj(_GZIP)
        # RFC 9110 section 8.4.1.2: deflate is zlib's format, but some send it without its two bytes of header.
        return zlib.decompressobj(zlib.MAX_WBITS if data[0] & 0x0F == 8 else -zlib.MAX_WBITS)

    def _check(self, size: int) -> None:
        self._written_bytes += size
        written = self._written_bytes
        limits = self._limits
        if written > limits.body_bytes_max:
            raise ExpandedBodyError(f"the decoded body is larger than {limits.body_bytes_max} bytes")
        if written > limits.expansion_free_bytes and written > limits.expansion_max * self._read_bytes:
            raise ExpandedBodyError(f"the compressed body grows by more than {limits.expansion_max} times")
