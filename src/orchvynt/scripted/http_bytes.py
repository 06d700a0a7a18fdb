"""Bytes of HTTP/1.1 answers: heads and chunks. Knows nothing of what they carry."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

Headers = Sequence[tuple[str, str]]
_REASONS: Final = {status.value: status.phrase for status in HTTPStatus} | {529: "Overloaded"}
LAST_CHUNK: Final = b"0\r\n\r\n"


def head(status: int, headers: Headers) -> bytes:
    """A status line and header fields, up to and with the empty line."""
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Scripted')}", *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode("latin-1", "replace")


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body; nothing for no data, because an empty chunk would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def whole(status: int, headers: Headers, body: bytes) -> bytes:
    """A whole answer with its length."""
    return head(status, (*headers, ("content-length", str(len(body))))) + body
