"""A client that sees bytes: sends one request on a socket of its own and reports what came and how the connection ended."""

import json
import socket
import time
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages", "ollama": "/api/chat"}


class Seen(msgspec.Struct, frozen=True):
    """`ended`: the server closed (FIN), reset (RST), or had said nothing more when the time was up."""

    raw: bytes
    ended: Literal["closed", "reset", "waiting"]
    reads: int

    @property
    def status(self) -> int:
        return int(self.raw.split(b" ", 2)[1])

    @property
    def headers(self) -> dict[str, str]:
        head = self.raw.split(b"\r\n\r\n", 1)[0].decode("latin-1")
        return {name.lower(): value for name, value in (line.split(": ", 1) for line in head.split("\r\n")[1:])}

    @property
    def body(self) -> bytes:
        """The body, without the framing of chunks; what of a chunk is missing is missing."""
        rest = self.raw.split(b"\r\n\r\n", 1)[1]
        if self.headers.get("transfer-encoding") != "chunked":
            return rest
        found = b""
        while rest and not rest.startswith(b"0\r\n"):
            size, rest = rest.split(b"\r\n", 1)
            found += rest[: int(size, 16)]
            rest = rest[int(size, 16) + 2 :]
        return found

    @property
    def whole_chunks(self) -> bool:
        return self.raw.endswith(b"0\r\n\r\n")


def ask(api: str, *, stream: bool = False, said: str = "hello there", **more: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"model": "some-model", "messages": [{"role": "user", "content": said}], "stream": stream}
    return body | ({"max_tokens": 1_000} if api == "anthropic" else {}) | more


def send(url: str, path: str, body: Mapping[str, Any] | bytes, *, wait: float = 5.0, key: str = "", reuse: int = 1) -> Seen:
    """Posts `reuse` times on one connection, each after the answer to the one before, and reports the last answer.

    Asks the server to close after the last one, so that an answer of any framing ends with the connection.
    """
    address = urlsplit(url)
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    with socket.create_connection((address.hostname, address.port), timeout=wait) as sock:
        seen = Seen(b"", "waiting", 0)
        for turn in range(reuse):
            fields = [f"POST {path} HTTP/1.1", f"host: {address.netloc}", "anthropic-version: 2023-06-01", f"content-length: {len(data)}"]
            fields += [f"authorization: Bearer {key}"] if key else []
            fields += ["connection: close"] if turn == reuse - 1 else []
            sock.sendall("\r\n".join([*fields, "", ""]).encode() + data)
            seen = _read(sock, wait, to_end=turn == reuse - 1)
        return seen


def _read(sock: socket.socket, wait: float, *, to_end: bool) -> Seen:
    raw, reads = b"", 0
    until = time.monotonic() + wait
    while True:
        try:
            sock.settimeout(max(0.001, until - time.monotonic()))
            data = sock.recv(1 << 20)
        except TimeoutError:
            return Seen(raw, "waiting", reads)
        except ConnectionResetError:
            return Seen(raw, "reset", reads)
        if not data:
            return Seen(raw, "closed", reads)
        raw += data
        reads += 1
        if not to_end and b"\r\n\r\n" in raw:
            head, body = raw.split(b"\r\n\r\n", 1)
            if b"content-length: %d\r\n" % len(body) in head + b"\r\n":
                return Seen(raw, "waiting", reads)
