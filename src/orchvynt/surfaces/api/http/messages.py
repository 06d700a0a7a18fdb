"""Cuts the bytes of one connection into whole requests, one at a time; right under any split of the input. It knows no time."""

from typing import Final

from orchvynt.surfaces.api.http.chunks import ChunkedBody
from orchvynt.surfaces.api.http.heads import HeadReader, check_beginning
from orchvynt.surfaces.api.http.limits import Limits
from orchvynt.surfaces.api.http.refusals import header_too_large
from orchvynt.surfaces.api.http.request import CHUNKED, Request

# What the next byte belongs to; BETWEEN: no byte of the next message has come. Plain integers, as comparing enum members costs three
# times as much and is done several times per request.
BETWEEN: Final = 0
HEAD: Final = 1
BODY: Final = 2


class MessageReader:
    """`phase` is BETWEEN, HEAD or BODY. `rest` is what `feed` left of its input. `body_bytes` is how much of the current body has come.

    `continue_due` says that the caller waits for `100 Continue` before it sends its body; who says it resets it.
    """

    __slots__ = (
        "_body",
        "_chunks",
        "_head",
        "_heads",
        "_limits",
        "_peer",
        "_request",
        "_skipped",
        "body_bytes",
        "continue_due",
        "phase",
        "rest",
    )

    def __init__(self, limits: Limits, peer: str) -> None:
        self._limits = limits
        self._peer = peer
        self._heads = HeadReader(limits)
        self._head = b""
        self._request: Request | None = None
        self._body: bytearray | None = None
        self._chunks: ChunkedBody | None = None
        self._skipped = False
        self.phase = BETWEEN
        self.body_bytes = 0
        self.continue_due = False
        self.rest = b""

    def feed(self, data: bytes) -> Request | None:
        """The next whole request, if it ends in `data`; the bytes after it are in `rest`. Raises RefusedError, for good."""
        if self.phase == BODY:
            return self._feed_body(data)
        seen = len(self._head)
        if seen:
            data = self._head + data
        if data.startswith(b"\r\n") and not self._skipped:
            # RFC 9112 section 2.2: one empty line before a request is ignored.
            self._skipped = True
            data = data[2:]
        end = data.find(b"\r\n\r\n", seen - 3 if seen > 3 else 0) + 4
        if end == 3:
            self.rest = b""
            self._keep_head(data, seen)
            return None
        if end > self._limits.header_bytes_max:
            raise header_too_large(self._limits)
        self._head = b""
        self._skipped = False
        request = self._heads.read(data[:end], self._peer)
        declared = request.body_bytes
        end_of_body = end + declared
        if declared == CHUNKED or end_of_body > len(data):
            return self._begin_body(request, data[end:])
        if declared:
            request.body = body = data[end:end_of_body]
            if self._heads.waits:
                self._heads.skip(body)
        self.phase = BETWEEN
        self.rest = data[end_of_body:]
        return request

    def _keep_head(self, data: bytes, seen: int) -> None:
        if not data:
            # Nothing but the empty line, whose first half may have been kept.
            self._head = b""
            self.phase = BETWEEN
            return
        if len(data) > self._limits.header_bytes_max:
            raise header_too_large(self._limits)
        if data != b"\r" or self._skipped:
            check_beginning(data, seen)
        self._head = data
        self.phase = HEAD

    def _begin_body(self, request: Request, data: bytes) -> Request | None:
        self.phase = BODY
        self.body_bytes = 0
        self._request = request
        if request.body_bytes == CHUNKED:
            self._chunks = ChunkedBody(self._limits.body_bytes_max)
        else:
            self._body = bytearray()
        if data:
            return self._feed_body(data)
        self.rest = b""
        self.continue_due = request.expects_continue
        return None

    def _feed_body(self, data: bytes) -> Request | None:
        request = self._request
        assert request is not None
        if self._chunks is not None:
            used = self._chunks.feed(data)
            body = self._chunks.body
            whole = used >= 0
        else:
            assert self._body is not None
            body = self._body
            part = data[: request.body_bytes - len(body)]
            if self._heads.waits:
                self._heads.skip(part)
            body += part
            used = len(part)
            whole = len(body) == request.body_bytes
        self.body_bytes = len(body)
        if not whole:
            self.rest = b""
            return None
        request.body = bytes(body)
        self._request = self._body = self._chunks = None
        self.phase = BETWEEN
        self.rest = data[used:]
        return request
