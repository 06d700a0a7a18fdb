"""The caller's line: whole answers, streams, cut streams, callers that go away, and the end of the server."""

import asyncio
import socket
import struct

import pytest
from tests.support.loops import LOOPS, run, until, until_count
from tests.surfaces.http.serving import BODY, MS, WHOLE, Handler, Peer, echo, send_all, serving

from orchvynt.surfaces.api.http.limits import Limits
from orchvynt.surfaces.api.http.line import Line
from orchvynt.surfaces.api.http.request import Request

OLD = WHOLE.replace(b"HTTP/1.1", b"HTTP/1.0")


@pytest.mark.parametrize("loop", LOOPS)
def test_an_answer_carries_its_status_fields_and_body(loop: str) -> None:
    async def scenario() -> None:
        def handle(_: Request, line: Line) -> None:
            line.answer(402, [("x-orchvynt-invocation", "inv_1"), ("x-should-retry", "false")], b"{}", "application/problem+json")
            line.answer(200, (), b"said twice")
            line.write(b"and more")
            line.end()
            line.abort()

        async with serving(Handler(handle)) as (_, port):
            peer = await Peer.to(port)
            for _ in range(2):
                peer.send(WHOLE)
                status, fields, body = await peer.response()
                assert (status, body) == (402, b"{}")
                assert fields[b"content-type"] == b"application/problem+json"
                assert fields[b"x-orchvynt-invocation"] == b"inv_1"
                assert fields[b"x-should-retry"] == b"false"
                assert fields[b"date"].endswith(b" GMT")
                assert b"connection" not in fields
            await peer.close()

    run(loop, scenario)


@pytest.mark.parametrize(
    "evil", ["a\r\nset-cookie: x", "a\nb: c", "a\rb", "a\0b", "a\x7fb", "a\x1b[31m", "naïve → ünï", "a\r\n\r\n<html>", "a\x85b\u2028c"]
)
def test_no_value_can_end_a_line(evil: str) -> None:
    async def scenario() -> None:
        headers = [("x-orchvynt-rule", evil), ("x-last", "1")]

        def handle(request: Request, line: Line) -> None:
            if request.path == "/stream":
                line.start(200, headers, "text/event-stream")
                line.end()
            else:
                line.answer(200, headers, b"{}")

        async with serving(Handler(handle)) as (_, port):
            peer = await Peer.to(port)
            for path in (b"/stream", b"/"):
                peer.send(b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % path)
                status, fields, _ = await peer.response()
                assert status == 200
                assert set(fields) <= {b"content-type", b"date", b"x-orchvynt-rule", b"x-last", b"content-length", b"transfer-encoding"}
                assert all(0x20 <= byte < 0x7F for byte in fields[b"x-orchvynt-rule"])
                assert fields[b"x-orchvynt-rule"].startswith(evil[0].encode())
                assert fields[b"x-last"] == b"1"
            await peer.close()

    run("uvloop", scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_stream_is_chunked_and_the_connection_lives_on(loop: str) -> None:
    async def scenario() -> None:
        handler = Handler(None)
        async with serving(handler) as (server, port):
            peer = await Peer.to(port)
            for turn in range(2):
                peer.send(WHOLE)
                await until_count(handler.seen, turn + 1)
                line = handler.seen[turn][1]
                line.start(200, [("x-orchvynt-model", "m")], "text/event-stream")
                line.write(b"data: 1\n\n")
                assert b"text/event-stream" in await peer.reader.readuntil(b"\r\n\r\n"), "the head goes out with the first event"
                assert await peer.reader.readuntil(b"1\n\n\r\n") == b"9\r\ndata: 1\n\n\r\n"
                line.write(b"")
                line.write(b"x" * 300_000)
                line.end()
                assert await peer.reader.readexactly(7 + 300_000 + 2) == b"493e0\r\n" + b"x" * 300_000 + b"\r\n"
                assert await peer.reader.readexactly(5) == b"0\r\n\r\n"
                assert server.requests_open == 0
            await peer.close()

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_stream_to_http_1_0_ends_with_the_connection(loop: str) -> None:
    async def scenario() -> None:
        def handle(_: Request, line: Line) -> None:
            line.start(200, (), "text/event-stream")
            line.write(b"data: 1\n\n")
            line.write(b"data: 2\n\n")
            line.end()

        async with serving(Handler(handle)) as (_, port):
            _, out = await send_all(port, OLD.replace(b"\r\n\r\n", b"\r\nConnection: keep-alive\r\n\r\n"))
            head, _, body = out.partition(b"\r\n\r\n")
            assert b"transfer-encoding" not in head
            assert b"connection: close" in head
            assert body == b"data: 1\n\ndata: 2\n\n"

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("version", [b"HTTP/1.1", b"HTTP/1.0"])
def test_an_aborted_stream_cannot_be_taken_for_whole(loop: str, version: bytes) -> None:
    async def scenario() -> None:
        handler = Handler(None)
        async with serving(handler) as (server, port):
            peer = await Peer.to(port)
            peer.send(WHOLE.replace(b"HTTP/1.1", version))
            await until(lambda: bool(handler.seen))
            line = handler.seen[0][1]
            line.start(200, (), "text/event-stream")
            line.write(b"event: error\n\n")
            assert b"event: error" in await peer.reader.readuntil(b"error\n\n")
            line.abort()
            if version == b"HTTP/1.0":
                with pytest.raises(ConnectionResetError):
                    await peer.rest()
            else:
                assert b"0\r\n\r\n" not in await peer.rest()
            await until(lambda: server.connections_open == 0)
            await peer.close()

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_what_was_written_before_an_abort_still_arrives(loop: str) -> None:
    async def scenario() -> None:
        def handle(_: Request, line: Line) -> None:
            line.start(200, (), "text/event-stream")
            line.write(b"." * 1_000_000)
            line.write(b"event: error\n\n")
            line.abort()

        async with serving(Handler(handle), Limits()) as (_, port):
            _, out = await send_all(port, WHOLE)
            assert out.count(b".") >= 1_000_000
            assert out.endswith(b"event: error\n\n\r\n")

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_head_gets_the_fields_and_no_body(loop: str) -> None:
    async def scenario() -> None:
        def handle(request: Request, line: Line) -> None:
            if request.path == "/stream":
                line.start(200, (), "text/event-stream")
                line.write(b"data")
                line.end()
            else:
                line.answer(200, (), b"body")

        async with serving(Handler(handle)) as (_, port):
            heads = b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\nHEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n"
            statuses, out = await send_all(port, heads + b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert statuses == [200, 200, 200]
            assert out.count(b"content-length: 4") == 2
            assert out.count(b"body") == 1
            assert b"data" not in out

    run(loop, scenario)


def go_away(caller: socket.socket, way: str) -> None:
    if way == "reset":
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if way == "half-close":
        caller.shutdown(socket.SHUT_WR)
    else:
        caller.close()


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("way", ["close", "reset", "half-close"])
@pytest.mark.parametrize("when", ["waiting", "streaming", "pipelined", "paused"])
def test_a_caller_that_goes_away_is_noticed_at_once(loop: str, way: str, when: str) -> None:
    """`paused`: it sent so much of further requests that its socket is not read; then the kernel is asked by the sweep."""

    async def scenario() -> None:
        gone: list[str] = []

        def handle(request: Request, line: Line) -> None:
            line.on_gone = lambda: gone.append(request.path)

        handler = Handler(handle)
        async with serving(handler, Limits(pipelined_bytes_max=1000, sweep_ns=50 * MS)) as (server, port):
            caller = socket.create_connection(("127.0.0.1", port))
            more = {"pipelined": 1, "paused": 200}.get(when, 0)
            caller.sendall(WHOLE + WHOLE * more)
            await until(lambda: len(handler.seen) == 1)
            line = handler.seen[0][1]
            if when == "streaming":
                line.start(200, (), "text/event-stream")
                line.write(b"data: 1\n\n")
            await asyncio.sleep(0.05)
            assert gone == []
            go_away(caller, way)
            await until(lambda: bool(gone), 1.0)
            assert line.gone
            line.write(b"to nobody")
            line.end()
            line.answer(200, (), b"to nobody")
            await until(lambda: server.connections_open == 0)
            assert gone == ["/v1/chat/completions"]
            assert len(handler.seen) == 1, "what it asked for besides is not begun"
            caller.close()

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_nobody_is_gone_after_the_answer(loop: str) -> None:
    async def scenario() -> None:
        gone: list[Line] = []

        def handle(_: Request, line: Line) -> None:
            line.on_gone = lambda: gone.append(line)
            line.answer(200, (), b"{}")

        async with serving(Handler(handle)) as (server, port):
            peer = await Peer.to(port)
            peer.send(WHOLE)
            await peer.response()
            await peer.close()
            await until(lambda: server.connections_open == 0)
            assert gone == []

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_draining_answers_what_is_open_and_accepts_nothing_new(loop: str) -> None:
    async def scenario() -> None:
        handler = Handler(lambda request, line: line.answer(200, (), b"{}") if request.path == "/quick" else None)
        async with serving(handler, Limits()) as (server, port):
            idle, waiting, streaming, halfway = [await Peer.to(port) for _ in range(4)]
            idle.send(b"GET /quick HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await idle.response())[0] == 200
            waiting.send(WHOLE)
            await until(lambda: len(handler.seen) == 2)
            streaming.send(WHOLE)
            await until(lambda: len(handler.seen) == 3)
            handler.seen[2][1].start(200, (), "text/event-stream")
            halfway.send(WHOLE[:-5])
            await until(lambda: server.connections_open == 4)
            await asyncio.sleep(0.05)
            drained = asyncio.ensure_future(server.drain(5.0))
            assert await idle.rest() == b""
            with pytest.raises(ConnectionRefusedError):
                await Peer.to(port)
            halfway.send(WHOLE[-5:])
            await until(lambda: len(handler.seen) == 4)
            for _, line in (handler.seen[1], handler.seen[3]):
                line.answer(200, (), BODY)
            for peer in (waiting, halfway):
                status, fields, body = await peer.response()
                assert (status, fields[b"connection"], body) == (200, b"close", BODY)
                assert await peer.rest() == b""
            assert not drained.done()
            handler.seen[2][1].write(b"the end")
            handler.seen[2][1].end()
            assert (await streaming.response())[2] == b"the end"
            assert await streaming.rest() == b""
            assert await drained is True
            for peer in (idle, waiting, streaming, halfway):
                await peer.close()

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_draining_is_bounded(loop: str) -> None:
    async def scenario() -> None:
        gone: list[bool] = []

        def handle(_: Request, line: Line) -> None:
            line.on_gone = lambda: gone.append(True)

        handler = Handler(handle)
        async with serving(handler) as (server, port):
            peer = await Peer.to(port)
            peer.send(WHOLE)
            await until(lambda: len(handler.seen) == 1)
            assert await server.drain(0.1) is False
            assert gone == [True]
            assert server.connections_open == 0
            await peer.close()

    run(loop, scenario)


def test_the_counts_tell_what_is_open() -> None:
    async def scenario() -> None:
        async with serving(Handler(echo)) as (server, port):
            peer = await Peer.to(port)
            for _ in range(3):
                peer.send(WHOLE)
                await peer.response()
            await send_all(port, b"nonsense\r\n\r\n")
            assert (server.connections_total, server.requests_total, server.requests_open) == (2, 3, 0)
            assert server.refusals == {"bad_framing": 1}
            await peer.close()
            await until(lambda: server.connections_open == 0)

    run("uvloop", scenario)
