"""Undoes the chunked transfer coding of a request body (RFC 9112 section 7.1), strictly and incrementally; trailers are dropped."""

import re
from typing import Final, Literal

from orchvynt.surfaces.api.http.refusals import bad_framing, body_too_large

# A size line holds up to 16 digits and an extension, which nobody uses and which is dropped.
_LINE_BYTES_MAX: Final = 1024
_TRAILER_BYTES_MAX: Final = 8192
_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;[\t\x20-\x7e\x80-\xff]*)?\r\n")
_TRAILER: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n")


class ChunkedBody:
    """Takes the bytes after the head; `body` grows as they come."""

    __slots__ = ("_body_bytes_max", "_expect", "_line", "_missing", "_trailer_bytes", "body")

    def __init__(self, body_bytes_max: int) -> None:
        self.body = bytearray()
        self._body_bytes_max = body_bytes_max
        self._expect: Literal["size", "data", "end", "trailer"] = "size"
        self._missing = 0
        self._line = b""
        self._trailer_bytes = 0

    def feed(self, data: bytes) -> int:
        """How many bytes of `data` belong to this body once it is whole; -1 while it is not. Raises RefusedError."""
        at = 0
        size = len(data)
        while at < size:
            if self._expect == "data":
                taken = min(self._missing, size - at)
                self.body += data[at : at + taken]
                self._missing -= taken
                at += taken
                if not self._missing:
                    self._expect = "end"
                continue
            stop = data.find(b"\n", at) + 1
            self._line += data[at : stop or size]
            if len(self._line) > _LINE_BYTES_MAX:
                raise bad_framing("a line between the chunks is too long")
            if not stop:
                return -1
            line, self._line = self._line, b""
            at = stop
            if self._take_line(line):
                return at
        return -1

    def _take_line(self, line: bytes) -> bool:
        """True when `line` was the last one of the body."""
        if self._expect == "size":
            match = _SIZE.fullmatch(line)
            if match is None:
                raise bad_framing("a chunk size that is not a hexadecimal number and CRLF")
            self._missing = int(match.group(1), 16)
            if self._missing + len(self.body) > self._body_bytes_max:
                raise body_too_large(self._body_bytes_max)
            self._expect = "data" if self._missing else "trailer"
        elif self._expect == "end":
            if line != b"\r\n":
                raise bad_framing("chunk data that is not followed by CRLF")
            self._expect = "size"
        else:
            if line == b"\r\n":
                return True
            self._trailer_bytes += len(line)
            if self._trailer_bytes > _TRAILER_BYTES_MAX or not _TRAILER.fullmatch(line):
                raise bad_framing("a trailer that is too large or is not a field")
        return False
