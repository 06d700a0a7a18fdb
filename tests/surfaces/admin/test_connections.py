"""The bounds of the admin plane's connections, over real sockets: what is too large, too slow, never read, or too many."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.surfaces.world import World, serving

from orchvynt.surfaces.admin.connections import CONNECTIONS_MAX, HEADER_BYTES_MAX, HEADER_FIELDS_MAX, AdminConnection

ASK = b"GET /api/v1/health HTTP/1.1\r\nhost: localhost\r\n"


class Hasty(AdminConnection):
    header_s_max = 0.3
    unread_s_max = 0.3
    lost = threading.Event()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.lost.set()


class Few(AdminConnection):
    connections_max = 3


@contextmanager
def talking(world: World) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", world.port), 30) as connection:
        yield connection


def rest(connection: socket.socket) -> bytes:
    """All until the other side closes."""
    read = b""
    try:
        while data := connection.recv(65_536):
            read += data
    except ConnectionResetError:
        pass
    return read


def error(answer: bytes) -> dict[str, Any]:
    """Of a refusal in the one shape, with the headers that all have."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert {b"x-content-type-options: nosniff", b"cache-control: no-store", b"connection: close"} <= set(head.split(b"\r\n"))
    found = json.loads(body)["error"]
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module")
def shared() -> Iterator[World]:
    with serving() as running:
        yield running


@pytest.mark.parametrize(
    "sent",
    [
        ASK + b"content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        ASK + b"content-length: 1\r\ncontent-length: 2\r\n\r\n",
        ASK + b"transfer-encoding : chunked\r\n\r\n",
        ASK + b"x: a\r\n b\r\n\r\n",
        ASK + b"x: a\0b\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        b"get / HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_ambiguous_is_refused_in_our_shape(shared: World, sent: bytes) -> None:
    with talking(shared) as connection:
        connection.sendall(sent)
        answer = rest(connection)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert error(answer)["code"] == "bad_framing"


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /" + b"a" * (HEADER_BYTES_MAX + 1),
        ASK + b"x: " + b"a" * (HEADER_BYTES_MAX + 1),
        ASK + b"a" * (HEADER_BYTES_MAX + 1),
        ASK + b"x: y\r\n" * (HEADER_FIELDS_MAX + 1),
        ASK + b"".join(b"x-%d: %s\r\n" % (number, b"v" * 1_000) for number in range(80)),
    ],
)
@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"])
def test_a_header_that_is_too_large_ends_the_connection(shared: World, sent: bytes, end: bytes) -> None:
    with talking(shared) as connection:
        connection.sendall(sent + end)
        answer = rest(connection)
    if b"HTTP/1.1 4" in answer:
        assert error(answer)["code"] in ("headers_too_large", "bad_framing")
    assert shared.ask("GET", "/health").status == 200


def test_headers_up_to_the_limit_are_read(shared: World) -> None:
    with talking(shared) as connection:
        fields = b"".join(b"x-%d: %s\r\n" % (number, b"v" * 500) for number in range(HEADER_FIELDS_MAX - 2))
        connection.sendall(ASK + fields + b"connection: close\r\n\r\n")
        assert rest(connection).startswith(b"HTTP/1.1 200 OK")


@pytest.fixture(scope="module")
def hasty() -> Iterator[World]:
    with serving(connection=Hasty) as running:
        yield running


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"", b""),
        (b"\r\n\r\n", b""),
        (b"G", b"408"),
        (ASK, b"408"),
        (ASK + b"\r\n", b"200"),
        (ASK + b"\r\n" + ASK, b"408"),
        (b"POST /api/v1/tokens HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\n{", b"401"),
    ],
)
def test_who_says_nothing_or_half_of_it_is_let_go(hasty: World, sent: bytes, status: bytes) -> None:
    with talking(hasty) as connection:
        connection.sendall(sent)
        answer = rest(connection)
    assert status in answer
    assert bool(status) == bool(answer)


def test_an_answer_that_nobody_reads_ends_the_connection(hasty: World) -> None:
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1_024)
        connection.settimeout(30)
        connection.connect(("127.0.0.1", hasty.port))
        Hasty.lost.clear()
        # More than the kernel keeps for somebody who does not read.
        connection.sendall(b"GET /api/v1/openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n" * 200)
        assert Hasty.lost.wait(30), "it is still open"
    assert hasty.ask("GET", "/health").status == 200


def test_connections_that_say_nothing_keep_nobody_out() -> None:
    assert CONNECTIONS_MAX > 100
    with serving(connection=Few) as world:
        silent = [socket.create_connection(("127.0.0.1", world.port), 30) for _ in range(5)]
        assert world.ask("GET", "/health").status == 200
        assert rest(silent[0]) == b"", "the one that was silent for longest is the first to go"
        for connection in silent:
            connection.close()
