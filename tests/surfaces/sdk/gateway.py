"""A stand-in for the data plane, over real sockets: it answers from a script and keeps what it was sent."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

CHAT = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hello"}}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}


class Arrival(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Gateway:
    """`script` holds (status, headers, body) in turn, the last one for ever; a body of bytes goes as it is. `hold` delays each answer."""

    script: list[tuple[int, dict[str, str], Any]]
    port: int = 0
    arrivals: list[Arrival] = field(default_factory=list)
    hold: threading.Event | None = None
    arrived: threading.Event = field(default_factory=threading.Event)
    hung_up: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def gateway(*script: tuple[int, dict[str, str], Any]) -> Iterator[Gateway]:
    played = Gateway(list(script))
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length", "0")))
            with lock:
                headers = {name.lower(): value for name, value in self.headers.items()}
                played.arrivals.append(Arrival(self.command, self.path, headers, json.loads(raw) if raw else None))
                status, fields, body = played.script.pop(0) if len(played.script) > 1 else played.script[0]
            played.arrived.set()
            if played.hold is not None:
                if self.connection.recv(1) == b"":
                    played.hung_up.set()
                    return
                played.hold.wait(5)
            payload = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"content-type": "application/json", "content-length": str(len(payload)), **fields}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_POST = _answer  # noqa: N815 - the standard library's names

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    played.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield played
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
