"""A receiver of webhooks on loopback: checks each signature with the official library and keeps what it took."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from standardwebhooks import Webhook
from tests.support import canaries

HOOK_SECRET = canaries.PLANTED["HOOK_SECRET"]
WAIT_S_MAX = 60.0


class Receiver:
    """`answers` are the statuses of the next messages, then 204. A redirect leads to `/elsewhere`; nobody may come there."""

    def __init__(self, port: int = 0, answers: tuple[int, ...] = ()) -> None:
        self.taken: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.paths: list[str] = []
        self._answers = list(answers)
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver._take(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _take(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["content-length"]))
        canaries.search(body + str(request.headers).encode(), "a webhook")
        status = self._answers.pop(0) if self._answers else 204
        self.paths.append(request.path)
        self.ids.append(request.headers["webhook-id"])
        if status == 204:
            Webhook(HOOK_SECRET).verify(body, dict(request.headers.items()))
            self.taken.append(json.loads(body))
        request.send_response(status)
        if 300 <= status < 400:
            request.send_header("location", f"http://127.0.0.1:{self.port}/elsewhere")
        request.send_header("content-length", "0")
        request.end_headers()

    def has(self, count: int) -> bool:
        return len(self.taken) >= count

    def wait_for(self, count: int) -> dict[str, Any]:
        """The message that is the so-manieth."""
        until = time.monotonic() + WAIT_S_MAX
        while not self.has(count) and time.monotonic() < until:
            time.sleep(0.02)
        assert self.has(count), f"{len(self.taken)} of {count} messages came"
        return self.taken[count - 1]
