"""What h11 reads from the same bytes, as a client that sent one POST, and the short list of what may differ.

STRICTER names what h11 takes for a whole answer and we do not, each with the test that says whether a response is such a one: somebody
between us and the provider may see another end of it (RFC 9112 section 6.3), or it is larger than we allow.
"""

import re
from collections.abc import Callable
from typing import Final, NamedTuple

import h11
from tests.fuzz.chunks_reference import plain_chunks
from tests.fuzz.responses import LIMITS

_REQUEST = h11.Request(method="POST", target="/", headers=[("host", "provider.example"), ("content-length", "0")])
_STATUS_LINE = re.compile(rb"[\r\n]*(HTTP/1\.[01] [0-9]{3} )[^\r\n]*(?=\r\n)")


class Response(NamedTuple):
    """The final response as h11 reads it. `raw` is all that came; `rest` what follows the response; `delimited` by the end only if not."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    whole: bool
    keep_alive: bool
    rest: bytes
    raw: bytes

    def values(self, name: bytes) -> list[bytes]:
        return [value for each, value in self.headers if each == name]

    @property
    def head(self) -> bytes:
        """All heads, interim ones included, as far as it is known where they end."""
        at = 0
        while True:
            end = re.compile(rb"\n\r?\n").search(self.raw, at)
            if end is None:
                return self.raw
            if not re.match(rb"HTTP/1\.[01] 1", self.raw[at:]):
                return self.raw[: end.end()]
            at = end.end()


def read_response(data: bytes) -> Response | None:
    """None where h11 sees no final head. A body that ends with the connection is whole with it.

    LOOSER, what we accept and h11 does not: line ends before a status line, and control characters in a reason phrase. Nobody reads
    either, and h11 gets the response without them.
    """
    data = _plain_status_lines(data)
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    connection.send(_REQUEST)
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    head: h11.Response | None = None
    body = bytearray()
    ended = whole = False
    try:
        while not whole:
            event = connection.next_event()
            if isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                whole = True
            elif event is h11.NEED_DATA and not ended:
                ended = True
                connection.receive_data(b"")
            elif not isinstance(event, h11.InformationalResponse):
                break
    except h11.RemoteProtocolError:
        pass
    if head is None:
        return None
    keep_alive = whole and not ended and connection.their_state is h11.DONE
    return Response(head.status_code, tuple(head.headers), bytes(body), whole, keep_alive, connection.trailing_data[0], data)


def _plain_status_lines(data: bytes) -> bytes:
    """The same heads, interim ones and the final one, with bare status lines."""
    before, rest = b"", data
    while line := _STATUS_LINE.match(rest):
        before += line.group(1)
        rest = rest[line.end() :]
        end = rest.find(b"\r\n\r\n") + 4
        if end == 3 or line.group(1)[9:10] != b"1":
            break
        before, rest = before + rest[:end], rest[end:]
    return before + rest


STRICTER: Final[dict[str, Callable[[Response], bool]]] = {
    "its length said in more than one way": lambda read: (
        len(re.findall(rb"(?im)^(?:content-length|transfer-encoding)[ \t]*:", read.head)) > 1
    ),
    "Content-Length as a list, or beyond 18 digits": lambda read: bool(
        re.search(rb"(?im)^content-length:(?:[^\r\n]*,|[^\r\n]{18})", read.head)
    ),
    "a line that is folded": lambda read: bool(re.search(rb"\n[ \t]", read.head)),
    "a line that ends with LF alone, or a CR that ends none": lambda read: bool(re.search(rb"(?<!\r)\n|\r(?!\n)", read.head)),
    "a control character": lambda read: bool(re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", read.head)),
    "a version that is neither 1.0 nor 1.1": lambda read: bool(re.search(rb"(?m)^HTTP/(?!1\.[01] )", read.head)),
    "a header that is too large": lambda read: len(read.head) > LIMITS.header_bytes_max or len(read.headers) > LIMITS.header_fields_max,
    "a body that is too large": lambda read: len(read.body) > LIMITS.body_bytes_max,
    "chunks, extensions or trailers that are not written as they should be": lambda read: (
        # An answer without a body by its status has no chunks, whatever it announces.
        read.status not in (204, 304)
        and bool(read.values(b"transfer-encoding"))
        and not plain_chunks(read.raw[len(read.head) :], LIMITS.body_bytes_max)
    ),
}

# Accepted by us, or refused: llhttp has its own mind about their bytes, and they say nothing about where a body ends.
EITHER: Final[dict[str, Callable[[Response], bool]]] = {
    "a chunk extension": lambda read: bool(read.values(b"transfer-encoding")) and b";" in read.raw[len(read.head) :],
}
