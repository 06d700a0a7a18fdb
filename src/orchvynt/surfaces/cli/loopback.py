"""Logs the command line in by a browser (RFC 8252): listens on the loopback for one answer, and keeps what shows that it is its own."""

import hashlib
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

WAIT_SECONDS: Final = 300.0
ANSWER_SECONDS: Final = 5.0
DONE: Final = (
    b"<!doctype html><html lang=en><meta charset=utf-8><title>OrchVynt</title>"
    b"<p>The command line is logged in. You can close this page.</p>"
)


class Coming:
    """One login on its way. A context: nothing listens any more after it."""

    def __init__(self) -> None:
        self.verifier = secrets.token_urlsafe(32)
        self._state = secrets.token_urlsafe(16)
        self._code = ""
        self._server = HTTPServer(("127.0.0.1", 0), self._handler())
        self._server.timeout = 0.5

    def __enter__(self) -> "Coming":
        return self

    def __exit__(self, *_: object) -> None:
        self._server.server_close()

    def url(self, server: str) -> str:
        """Where the browser has to go."""
        challenge = urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {"port": self._server.server_port, "challenge": challenge, "state": self._state}
        return f"{server}/login/cli?{urlencode(asked)}"

    def code(self, wait_s: float = WAIT_SECONDS, monotonic: Callable[[], float] = time.monotonic) -> str:
        """The code that the browser brings; empty if none came in time."""
        until = monotonic() + wait_s
        while not self._code and monotonic() < until:
            self._server.handle_request()
        return self._code

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        coming = self

        class Handler(BaseHTTPRequestHandler):
            timeout = ANSWER_SECONDS

            def do_GET(self) -> None:
                said = parse_qs(urlsplit(self.path).query, max_num_fields=10)
                own = secrets.compare_digest(said.get("state", [""])[0].encode(), coming._state.encode())
                if own:
                    coming._code = said.get("code", [""])[0]
                self.send_response(200 if own else 404)
                self.send_header("content-type", "text/html; charset=utf-8")
                self.send_header("cache-control", "no-store")
                self.send_header("referrer-policy", "no-referrer")
                self.end_headers()
                self.wfile.write(DONE if own else b"")

            def log_message(self, format: str, *args: Any) -> None:
                """Says nothing: the address has the code in it."""

        return Handler
