"""Writes one request as bytes. What could end a header line is refused, not repaired: it would be a secret or an id that is wrong."""

import re
from collections.abc import Sequence
from typing import Final

from orchvynt.adapters.upstream.failures import place
from orchvynt.ports.upstream import Address

# RFC 9110 section 5.5: visible characters, blank, tab, and bytes above ASCII.
_LEGAL: Final = bytes((9, *range(0x20, 0x7F), *range(0x80, 0x100)))
_PATH: Final = re.compile(r"/[!-~]*")
_NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_DEFAULT_PORTS: Final = {True: 443, False: 80}


class UnsendableError(Exception):
    """The request cannot be written as HTTP. The message names the field, never its value."""


def prefix(address: Address, path: str) -> bytes:
    """Everything before the caller's own headers, for a POST. Raises UnsendableError.

    Asks for no compression: it would delay the events of streams and cost more time than the wire does. It is decoded if it comes.
    """
    if not _PATH.fullmatch(path):
        raise UnsendableError("the path must begin with `/` and hold only visible ASCII characters")
    host = address.host if address.port == _DEFAULT_PORTS[address.tls] and ":" not in address.host else place(address)
    return f"POST {path} HTTP/1.1\r\nhost: {host}\r\naccept-encoding: identity\r\n".encode()


def encode(start: bytes, headers: Sequence[tuple[str, str]], body: bytes) -> bytes:
    """The whole request; `start` is from `prefix`, and from `fields` as far as they are shared. Raises UnsendableError."""
    return b"%b%bcontent-length: %d\r\n\r\n%b" % (start, fields(headers), len(body), body)


def fields(headers: Sequence[tuple[str, str]]) -> bytes:
    """Header lines. Raises UnsendableError."""
    if len(headers) == 1:
        # The id that goes with each request: text that can be printed ends no line, and asking that costs a third of what follows.
        line = f"{headers[0][0]}: {headers[0][1]}"
        if line.isascii() and line.isprintable():
            return b"%b\r\n" % line.encode()
    block = "".join([f"{name}: {value}\r\n" for name, value in headers]).encode("utf-8", "surrogatepass")
    # With one line end per field as all that is left, none is in a name or a value.
    if block.translate(None, _LEGAL) != b"\r\n" * len(headers):
        raise UnsendableError(_fault(headers))
    return block


def _fault(headers: Sequence[tuple[str, str]]) -> str:
    for name, value in headers:
        if not _NAME.fullmatch(name):
            return f"{name!r} is not a header name"
        if any((character < " " and character != "\t") or character == "\x7f" for character in value):
            return f"the value of the header {name} holds a line break or another control character; check where it comes from"
    return "a header holds a line break or another control character"
