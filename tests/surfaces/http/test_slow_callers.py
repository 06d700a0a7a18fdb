"""Slow, silent and idle callers meet their deadlines; those who read slowly meet back-pressure; nobody else notices."""

import asyncio
import resource
import socket

import msgspec
import pytest
from tests.support.loops import LOOPS, run, until
from tests.surfaces.http.serving import BODY, LENGTH, MS, POST, QUICK, WHOLE, Handler, Peer, echo, send_all, serving

from orchvynt.surfaces.api.http.limits import Limits
from orchvynt.surfaces.api.http.line import Line
from orchvynt.surfaces.api.http.request import Request

SLOW = {
    "header, a byte now and then": (POST, b"X", 408),
    "silent in the header": (POST, b"", 408),
    "header, a field now and then": (POST, b"X-A: b\r\n", 408),
    "silent in the body": (POST + LENGTH + b"\r\n", b"", 408),
    "body, a byte now and then": (POST + b"Content-Length: 100000\r\n\r\n", b" ", 408),
    "chunks, a byte now and then": (POST + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", 408),
    "silent from the start": (b"", b"", None),
    "silent after an answer": (WHOLE, b"", 200),
}


@pytest.mark.parametrize("name", SLOW)
@pytest.mark.parametrize("loop", LOOPS)
def test_slow_callers_are_closed(loop: str, name: str) -> None:
    first, drip, status = SLOW[name]

    async def scenario() -> None:
        handler = Handler(echo)
        async with serving(handler) as (server, port):
            peer = await Peer.to(port)
            peer.send(first)
            closed = asyncio.ensure_future(peer.rest())
            for _ in range(100):
                if server.refusals or closed.done():
                    break
                if drip:
                    peer.send(drip)
                await asyncio.sleep(0.05)
            out = await closed
            if status is None:
                assert out == b""
            else:
                assert out.startswith(b"HTTP/1.1 %d " % status)
            if status == 408:
                assert msgspec.json.decode(out.partition(b"\r\n\r\n")[2])["error"]["code"] == "timeout"
                assert handler.seen == []
            await peer.close()

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_blank_lines_do_not_keep_a_connection(loop: str) -> None:
    async def scenario() -> None:
        handler = Handler(echo)
        async with serving(handler) as (server, port):
            peer = await Peer.to(port)
            for _ in range(100):
                peer.send(b"\r\n")
                await asyncio.sleep(0.02)
                if not server.connections_open:
                    break
            assert server.connections_open == 0
            assert handler.seen == []
            await peer.close()

    run(loop, scenario)


def test_a_slow_but_steady_body_is_taken() -> None:
    async def scenario() -> None:
        limits = Limits(body_idle_ns=300 * MS, body_bytes_per_second_min=200, sweep_ns=20 * MS)
        async with serving(Handler(echo), limits) as (_, port):
            peer = await Peer.to(port)
            peer.send(POST + b"Content-Length: 400\r\n\r\n")
            for _ in range(10):
                await asyncio.sleep(0.08)
                peer.send(b"x" * 40)
            assert (await peer.response())[0] == 200
            await peer.close()

    run("uvloop", scenario)


def test_an_answer_may_take_longer_than_every_deadline_of_reading() -> None:
    async def scenario() -> None:
        handler = Handler(None)
        limits = Limits(header_ns=50 * MS, body_idle_ns=50 * MS, keep_alive_ns=50 * MS, write_stall_ns=50 * MS, sweep_ns=10 * MS)
        async with serving(handler, limits) as (_, port):
            peer = await Peer.to(port)
            peer.send(WHOLE)
            await until(lambda: len(handler.seen) == 1)
            await asyncio.sleep(0.4)
            assert not handler.seen[0][1].gone
            handler.seen[0][1].answer(200, (), b"late")
            assert (await peer.response())[2] == b"late"
            await peer.close()

    run("uvloop", scenario)


def slow_reader(port: int) -> socket.socket:
    """A connection whose receive buffer is small and that nobody reads."""
    caller = socket.socket()
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    caller.connect(("127.0.0.1", port))
    caller.sendall(WHOLE)
    caller.setblocking(False)
    return caller


class Fountain:
    """A stream of `total` bytes that obeys back-pressure, and counts what was out at most."""

    def __init__(self, line: Line, total: int) -> None:
        self.line = line
        self.left = total
        self.full = 0
        self.drained = 0
        self.gone = 0
        self.open = True
        line.on_full = self.on_full
        line.on_drained = self.on_drained
        line.on_gone = self.on_gone
        line.start(200, (), "text/event-stream")
        self.pour()

    def pour(self) -> None:
        while self.left and self.open and not self.line.gone:
            size = min(self.left, 10_000)
            self.left -= size
            self.line.write(b"." * size)
        if not self.left:
            self.line.end()

    def on_full(self) -> None:
        self.full += 1
        self.open = False

    def on_drained(self) -> None:
        self.drained += 1
        self.open = True
        self.pour()

    def on_gone(self) -> None:
        self.gone += 1


@pytest.mark.parametrize("loop", LOOPS)
def test_a_slow_reader_of_a_large_stream_costs_bounded_memory(loop: str) -> None:
    async def scenario() -> None:
        fountains: list[Fountain] = []
        total = 20_000_000

        def handle(request: Request, line: Line) -> None:
            if request.path == "/quick":
                line.answer(200, (), b"{}")
            else:
                fountains.append(Fountain(line, total))

        async with serving(Handler(handle), Limits()) as (_, port):
            caller = slow_reader(port)
            await until(lambda: bool(fountains))
            await asyncio.sleep(0.2)
            fountain = fountains[0]
            assert fountain.full == 1
            # The kernel's send buffer takes a few megabytes; the rest waits at its source.
            assert fountain.left > total // 2
            # Meanwhile others are served.
            assert (await send_all(port, b"GET /quick HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))[0] == [200]
            taken = 0
            asked = asyncio.get_running_loop()
            while taken < total:
                taken += (await asked.sock_recv(caller, 1 << 20)).count(b".")
            assert fountain.drained == fountain.full
            assert fountain.gone == 0
            caller.close()

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("way", ["stream", "answer"])
def test_who_reads_nothing_is_dropped(loop: str, way: str) -> None:
    async def scenario() -> None:
        fountains: list[Fountain] = []

        def handle(_: Request, line: Line) -> None:
            if way == "stream":
                fountains.append(Fountain(line, 50_000_000))
            else:
                line.answer(200, (), b"." * 20_000_000)

        async with serving(Handler(handle)) as (server, port):
            caller = slow_reader(port)
            await until(lambda: server.requests_total == 1)
            await until(lambda: server.connections_open == 0)
            assert [fountain.gone for fountain in fountains] == [1] * len(fountains)
            caller.close()

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_who_reads_a_little_now_and_then_is_not_dropped(loop: str) -> None:
    async def scenario() -> None:
        size = 12_000_000
        async with serving(Handler(lambda _, line: line.answer(200, (), b"." * size))) as (server, port):
            caller = slow_reader(port)
            asked = asyncio.get_running_loop()
            taken = 0
            for _ in range(12):
                await asyncio.sleep(0.1)
                for _ in range(4):
                    taken += (await asked.sock_recv(caller, 1 << 17)).count(b".")
            assert server.connections_open == 1, "longer than write_stall has passed, but it was reading"
            while taken < size:
                taken += (await asked.sock_recv(caller, 1 << 20)).count(b".")
            caller.close()

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_no_further_request_is_begun_while_its_caller_does_not_read(loop: str) -> None:
    async def scenario() -> None:
        handler = Handler(lambda _, line: line.answer(200, (), b"." * 5_000_000))
        async with serving(handler, Limits()) as (_, port):
            caller = slow_reader(port)
            caller.send(WHOLE * 100)
            await until(lambda: bool(handler.seen))
            await asyncio.sleep(0.2)
            assert len(handler.seen) < 5
            caller.close()

    run(loop, scenario)


def test_five_thousand_idle_connections_hurt_nobody() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 12_000
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"the hard limit of open files is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))

    async def scenario() -> None:
        handler = Handler(echo)
        async with serving(handler, Limits()) as (server, port):
            idle: list[socket.socket] = []
            for _ in range(50):
                for _ in range(100):
                    caller = socket.socket()
                    caller.connect(("127.0.0.1", port))
                    idle.append(caller)
                await until(lambda: server.connections_open == len(idle))
            for caller in idle[::10]:
                caller.sendall(POST)
            for _ in range(100):
                statuses, _ = await send_all(port, WHOLE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
                assert statuses == [200]
            assert server.connections_open >= 5000
            assert len(handler.seen) == 100
            for caller in idle:
                caller.close()
            await until(lambda: server.connections_open == 0)

    try:
        run("uvloop", scenario)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("loop", LOOPS)
def test_more_connections_than_the_limit_are_told_so(loop: str) -> None:
    async def scenario() -> None:
        async with serving(Handler(echo), Limits(connections_max=3, linger_ns=100 * MS, sweep_ns=20 * MS)) as (server, port):
            first = [await Peer.to(port) for _ in range(3)]
            await until(lambda: server.connections_open == 3)
            statuses, out = await send_all(port, WHOLE)
            assert statuses == [503]
            assert b"retry-after: 1\r\n" in out
            assert msgspec.json.decode(out.partition(b"\r\n\r\n")[2])["error"]["code"] == "overloaded"
            first[0].send(WHOLE)
            assert (await first[0].response())[2] == BODY
            await first[0].close()
            await until(lambda: server.connections_open == 2)
            fourth = await Peer.to(port)
            fourth.send(WHOLE)
            assert (await fourth.response())[0] == 200
            for peer in (*first[1:], fourth):
                await peer.close()

    run(loop, scenario)


def test_the_named_limits_are_those_of_the_wire_contract() -> None:
    limits = Limits()
    assert (limits.header_bytes_max, limits.header_fields_max, limits.body_bytes_max) == (65_536, 128, 33_554_432)
    assert (limits.header_ns, limits.body_idle_ns, limits.keep_alive_ns) == (10**10, 3 * 10**10, 75 * 10**9)
    assert QUICK.header_ns < limits.header_ns
