"""What goes out through the library Apprise arrives, a refusal is told, and no redirect is followed."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from orchvynt.adapters.apprise_sending import LibraryApprising
from orchvynt.ports.channels import Refusal

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the library loads parts that Python is about to drop


@contextmanager
def receiver(status: int, location: str = "") -> Iterator[tuple[str, list[bytes]]]:
    """Its address without a scheme, and the bodies that arrived."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers.get("content-length", 0))))
            self.send_response(status)
            if location:
                self.send_header("location", location)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}", bodies
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def sent(url: str) -> Refusal | None:
    async def run() -> Refusal | None:
        apprising = LibraryApprising()
        try:
            return await apprising.send(url, "a review waits", "gate g <b>\r\nx: y")
        finally:
            apprising.close()

    return asyncio.run(run())


def test_a_message_arrives() -> None:
    with receiver(200) as (address, bodies):
        assert sent(f"json://{address}/hook") is None
    (body,) = bodies
    told = json.loads(body)
    assert (told["title"], told["message"].startswith("gate g <b>")) == ("a review waits", True)


def test_a_refusal_and_a_url_that_is_none_are_told_without_it() -> None:
    with receiver(500) as (address, _):
        refused = sent(f"json://user:s3cret@{address}/hook")
    assert refused is not None
    assert "s3cret" not in refused.why
    nonsense = sent("s3cret")
    assert nonsense is not None
    assert "s3cret" not in nonsense.why


def test_no_redirect_is_followed() -> None:
    with receiver(200) as (elsewhere, stolen), receiver(307, f"http://{elsewhere}/") as (address, bodies):
        assert sent(f"json://{address}/hook") is not None
    assert len(bodies) == 1
    assert stolen == []
