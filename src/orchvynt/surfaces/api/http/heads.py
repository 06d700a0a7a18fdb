"""Reads one complete head. llhttp parses it; here stands what it leaves open, so that there is one reading of where a message ends.

A head is only ever read whole: how its bytes were cut in transit cannot change the result. What a connection repeats is not parsed again.
"""

import re
from typing import Final

import httptools

from orchvynt.surfaces.api.http.limits import Limits
from orchvynt.surfaces.api.http.refusals import bad_framing, body_too_large, header_too_large
from orchvynt.surfaces.api.http.repeated import KnownHead
from orchvynt.surfaces.api.http.request import CHUNKED, Request
from orchvynt.surfaces.api.http.targets import read_target

_METHODS: Final = {name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}
_HOST: Final = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?")
_MATTERS: Final = frozenset((b"host", b"content-length", b"transfer-encoding", b"connection", b"expect", b"upgrade"))
_BEGIN: Final = re.compile(rb"[A-Z]{1,16}(?: |\Z)")
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]+)[ \t]*\r\n", re.IGNORECASE)
# What is kept of a connection for as long as it lasts.
_KEPT_BYTES_MAX: Final = 4_096
_HOPELESS: Final = re.compile(rb"(?<!\r)\n|\r[^\n]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def check_beginning(part: bytes | bytearray, seen: int) -> None:
    """Refuses an incomplete head that cannot become a good one, of which `seen` bytes were checked before. Raises RefusedError."""
    if not _BEGIN.match(part):
        raise bad_framing("it does not begin with a method")
    if _HOPELESS.search(part, max(0, seen - 1)):
        raise bad_framing("a bare CR, a bare LF or a control character in the header")


class _Notes:
    """What llhttp says of one head. It does not know the parser that holds it: the two would only end by the collector."""

    __slots__ = ("headers", "target")

    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.target = b""

    def on_url(self, part: bytes) -> None:
        self.target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))


class HeadReader:
    """Reads the heads of one connection, in turn. While it `waits`, `skip` must be given the bytes of a body with a length, as llhttp
    waits for them."""

    __slots__ = ("_host", "_known", "_limits", "_notes", "_parser", "_target_read", "waits")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._host = b""
        self._notes = _Notes()
        self._target_read: tuple[bytes, str, str] = (b"/", "/", "")
        self.waits = False
        self._known: KnownHead | None = None
        self._parser = httptools.HttpRequestParser(self._notes)

    def read(self, head: bytes, peer: str) -> Request:
        """`head` ends with its empty line. Gives the request without its body. Raises RefusedError."""
        if self._known is not None:
            found = self._known.again(head)
            if found is not None:
                # llhttp has not seen this message, and does not wait for its body.
                self.waits = False
                request, digits = found
                request.body_bytes = self._read_length(digits)
                return request
            self._known = None
        request = self._parse(head, peer)
        length = _LENGTH.search(head) if len(head) <= _KEPT_BYTES_MAX else None
        if length is not None:
            self._known = KnownHead(head, *length.span(1), request)
        return request

    def _parse(self, head: bytes, peer: str) -> Request:
        token = head[: head.find(b" ")]
        method = _METHODS.get(token)
        if method is None:
            raise bad_framing("it does not begin with a method that is served here")
        notes = self._notes
        headers: list[tuple[bytes, bytes]] = []
        notes.headers = headers
        notes.target = b""
        self.waits = True
        try:
            self._parser.feed_data(head)
        except httptools.HttpParserUpgrade:
            self._renew()
        except httptools.HttpParserError as error:
            raise bad_framing(str(error)) from None
        if len(headers) > self._limits.header_fields_max:
            raise header_too_large(self._limits)
        target = notes.target
        if target != self._target_read[0]:
            self._target_read = (target, *read_target(target))
        request = Request(method, self._target_read[1], self._target_read[2], headers, peer)
        # INVARIANT: the request line is exactly method, blank, target, blank, version: llhttp would take more blanks, RTSP and HTTP/2.0.
        after = len(token) + 1 + len(target)
        version = head[after : after + 11]
        if version != b" HTTP/1.1\r\n":
            if version != b" HTTP/1.0\r\n":
                raise bad_framing("the request line is not `METHOD TARGET HTTP/1.1`")
            request.http_1_0 = True
            request.keep_alive = False
        self._read_framing(request)
        if request.body_bytes == CHUNKED and self.waits:
            self._renew()
        return request

    def skip(self, part: bytes) -> None:
        self._parser.feed_data(part)

    def _renew(self) -> None:
        self._parser = httptools.HttpRequestParser(self._notes)
        self.waits = False

    def _read_framing(self, request: Request) -> None:
        hosts = lengths = 0
        for name, value in request.headers:
            if name not in _MATTERS:
                continue
            if name == b"host":
                hosts += 1
                if value != self._host:
                    if not _HOST.fullmatch(value.strip(b" \t")):
                        raise bad_framing("the Host field is not a host")
                    self._host = value
            elif name == b"content-length":
                lengths += 1
                request.body_bytes = self._read_length(value.strip(b" \t"))
            elif name == b"connection":
                _read_connection(request, value)
            elif name == b"expect":
                request.expects_continue = value.strip(b" \t").lower() == b"100-continue" and not request.http_1_0
            elif name == b"upgrade":
                self._read_upgrade(value)
            else:
                lengths += 1
                # RFC 9112 section 6.1: other codings, and chunked in HTTP/1.0, leave the length open to interpretation.
                if value.strip(b" \t").lower() != b"chunked" or request.http_1_0:
                    raise bad_framing("Transfer-Encoding must be exactly `chunked`, in HTTP/1.1")
                request.body_bytes = CHUNKED
        if lengths > 1:
            raise bad_framing("more than one Content-Length or Transfer-Encoding")
        if hosts != 1 and (hosts or not request.http_1_0):
            raise bad_framing("it needs exactly one Host field")

    def _read_length(self, digits: bytes) -> int:
        if not digits.isdigit() or len(digits) > 18:
            raise bad_framing("Content-Length is not a number")
        length = int(digits)
        if length > self._limits.body_bytes_max:
            raise body_too_large(self._limits.body_bytes_max)
        return length

    def _read_upgrade(self, value: bytes) -> None:
        # RFC 9110 section 7.8 lets a server ignore an upgrade. `h2c` is ignored, because Java's HttpClient offers it on every first
        # request and goes on in HTTP/1.1; any other protocol would wait for a switch that never comes.
        if value.strip(b" \t").lower() != b"h2c":
            raise bad_framing("Upgrade is not served here")


def _read_connection(request: Request, value: bytes) -> None:
    options = [option.strip(b" \t") for option in value.lower().split(b",")]
    if b"close" in options:
        request.keep_alive = False
    elif request.http_1_0 and b"keep-alive" in options:
        request.keep_alive = True
