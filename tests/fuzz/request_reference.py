"""What h11 reads from the same bytes, as a server, and the short list of what may differ. h11 is another's work, and strict in its own way.

STRICTER names what h11 accepts and we refuse, each with the test that says whether a message is such a one. We refuse it because
somebody before us, or behind us, may read it differently (RFC 9112 sections 5.2, 6.1, 6.3 and 11.2), or because it is not served.
"""

import re
from collections.abc import Callable
from typing import Final, NamedTuple
from urllib.parse import unquote

import h11
from tests.fuzz.chunks_reference import plain_chunks
from tests.fuzz.requests import LIMITS

_TARGET = re.compile(
    rb"(?:https?://[A-Za-z0-9.\-_:\[\]]+(?=[/?]|\Z))?(/[!\"$-;=?-\[\]-~]*|(?!\A)\?[!\"$-;=?-\[\]-~]*|(?!\A))", re.IGNORECASE
)


class Read(NamedTuple):
    """One request as h11 reads it. `raw` are its bytes and all after it, as they came."""

    method: bytes
    target: bytes
    version: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    whole: bool
    raw: bytes

    def values(self, name: bytes) -> list[bytes]:
        return [value for each, value in self.headers if each == name]

    @property
    def head(self) -> bytes:
        """The raw head, as far as it is known where it ends: h11 takes LF for CRLF."""
        end = re.search(rb"\n\r?\n", self.raw)
        return self.raw[: end.end()] if end else self.raw

    @property
    def keep_alive(self) -> bool:
        options = {option.strip(b" \t").lower() for value in self.values(b"connection") for option in value.split(b",")}
        return b"close" not in options and (self.version == b"1.1" or b"keep-alive" in options)


class Reading(NamedTuple):
    """All requests of a connection, the last one perhaps not whole, whether h11 refused what came then, and what that was."""

    requests: list[Read]
    refused: bool
    rest: bytes


def read_all(data: bytes) -> Reading:
    """Each message is read by an h11 of its own.

    LOOSER, the one thing that we accept and h11 does not: an empty line before a request (RFC 9112 section 2.2 asks for it).
    """
    found: list[Read] = []
    while True:
        data = data.removeprefix(b"\r\n")
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
        connection.receive_data(data)
        request, refused = _next(connection, data)
        if request is not None:
            found.append(request)
        if request is None or not request.whole or not request.keep_alive:
            return Reading(found, refused, data)
        data = connection.trailing_data[0]


def _next(connection: h11.Connection, raw: bytes) -> tuple[Read | None, bool]:
    head: h11.Request | None = None
    body = bytearray()

    def told(whole: bool) -> Read | None:
        if head is None:
            return None
        return Read(head.method, head.target, head.http_version, tuple(head.headers), bytes(body), whole, raw)

    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                return told(True), False
            else:
                return told(False), False
    except h11.RemoteProtocolError:
        return told(False), True


def place(target: bytes) -> tuple[str, str] | None:
    """Path and query of a target that is served; None for all others. Written apart from `targets.py`, with urllib's decoding."""
    match = _TARGET.fullmatch(target)
    if match is None or not target:
        return None
    path, _, query = match.group(1).decode("latin-1").partition("?")
    path = path or "/"
    try:
        if re.search(r"%(?![0-9A-Fa-f]{2})|%[01][0-9A-Fa-f]|%7[Ff]", path):
            return None
        decoded = "%2F".join(unquote(part, errors="strict") for part in re.split("%2[Ff]", path))
    except UnicodeDecodeError:
        return None
    return None if {".", ".."} & set(decoded.split("/")) else (decoded, query)


def _bad_host(read: Read) -> bool:
    hosts = read.values(b"host")
    wanted = rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?"
    return len(hosts) > 1 or any(not re.fullmatch(wanted, host) for host in hosts) or (not hosts and read.version != b"1.0")


def _chunks(read: Read) -> bool:
    return bool(read.values(b"transfer-encoding"))


STRICTER: Final[dict[str, Callable[[Read], bool]]] = {
    "a method that is not served": lambda read: read.method not in {b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"},
    "a target that is not served, or names a place in two ways": lambda read: place(read.target) is None,
    "no Host, more than one, or none that is a host": _bad_host,
    "a version that is neither 1.0 nor 1.1": lambda read: read.version not in {b"1.0", b"1.1"},
    "an upgrade other than h2c": lambda read: any(value.lower() != b"h2c" for value in read.values(b"upgrade")),
    "a Transfer-Encoding in HTTP/1.0": lambda read: _chunks(read) and read.version == b"1.0",
    "Content-Length beside Transfer-Encoding": lambda read: _chunks(read) and bool(read.values(b"content-length")),
    "Content-Length said more than once": lambda read: len(re.findall(rb"(?im)^content-length[ \t]*:", read.head)) > 1,
    "Content-Length as a list": lambda read: bool(re.search(rb"(?im)^content-length:[^\r\n]*,", read.head)),
    "a line that is folded": lambda read: bool(re.search(rb"\n[ \t]", read.head)),
    "a line that ends with LF alone, or a CR that ends none": lambda read: bool(re.search(rb"(?<!\r)\n|\r(?!\n)", read.head)),
    "a control character": lambda read: bool(re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", read.head)),
    "a header that is too large": lambda read: len(read.head) > LIMITS.header_bytes_max or len(read.headers) > LIMITS.header_fields_max,
    "a body that is too large": lambda read: (
        len(read.body) > LIMITS.body_bytes_max or any(len(v) > 18 or int(v) > LIMITS.body_bytes_max for v in read.values(b"content-length"))
    ),
    "a chunk line or a trailer that is too long, blanks after a chunk size, or a control character in either": lambda read: (
        _chunks(read) and not plain_chunks(read.raw[len(read.head) :], LIMITS.body_bytes_max)
    ),
}
