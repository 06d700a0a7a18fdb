"""What well-formed requests become, whatever the client's habits, and how connections live on after them."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.loops import LOOPS, run, until_count
from tests.surfaces.http.serving import BODY, LENGTH, MS, POST, QUICK, WHOLE, Handler, Peer, echo, send_all, serving

from orchvynt.surfaces.api.http.limits import Limits
from orchvynt.surfaces.api.http.line import Line
from orchvynt.surfaces.api.http.messages import MessageReader
from orchvynt.surfaces.api.http.refusals import RefusedError
from orchvynt.surfaces.api.http.request import Request

HASTY = Limits(header_ns=50 * MS, body_idle_ns=50 * MS, keep_alive_ns=50 * MS, linger_ns=50 * MS, sweep_ns=20 * MS)
CHUNKED = POST + b"Transfer-Encoding: Chunked\r\n\r\n"


def read_one(data: bytes) -> Request:
    reader = MessageReader(Limits(), "10.0.0.1:5")
    request = reader.feed(data)
    assert request is not None
    assert reader.rest == b""
    return request


def test_a_request_is_read_as_it_came() -> None:
    request = read_one(
        b"POST /v1/chat%20x/a%2Fb/%C3%A9?wait=30s&q=%41 HTTP/1.1\r\nHost: x:1\r\nX-Empty:\r\nX-Two: a \t\r\nx-two:  b\r\n"
        b"X-Utf: \xc3\xa9\r\nX-Latin: \xe9\r\n" + LENGTH + b"\r\n" + BODY
    )
    assert request.method == "POST"
    assert request.path == "/v1/chat x/a%2Fb/é"
    assert request.query == "wait=30s&q=%41"
    assert request.body == BODY
    assert request.peer == "10.0.0.1:5"
    assert request.keep_alive
    assert request.header("host") == "x:1"
    assert request.header("x-empty") == ""
    assert request.header("x-two") == "a, b"
    assert request.header("x-utf") == "é"
    assert request.header("x-latin") == "é"
    assert request.header("absent") == ""


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/", "/", ""),
        ("/a?b?c", "/a", "b?c"),
        ("/@wf/agent/v1/messages?beta=true", "/@wf/agent/v1/messages", "beta=true"),
        ("http://proxy.example:80/v1/models?x", "/v1/models", "x"),
        ("https://proxy.example", "/", ""),
        ("http://[::1]:4821?q", "/", "q"),
        ("/a%252Fb", "/a%2Fb", ""),
        ("/a.b/..c/...", "/a.b/..c/...", ""),
        ("/models/{id}|[x]^'\"", "/models/{id}|[x]^'\"", ""),
    ],
)
def test_targets(target: str, path: str, query: str) -> None:
    request = read_one(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert (request.path, request.query) == (path, query)


def test_trailers_cannot_pass_for_headers() -> None:
    request = read_one(CHUNKED + b"2;ext=1\r\nhi\r\n0\r\nHost: evil\r\nAuthorization: Bearer evil\r\n\r\n")
    assert request.body == b"hi"
    assert request.header("host") == "x"
    assert request.header("authorization") == ""


def test_java_offers_h2c_on_its_first_request_and_is_served_in_http_1_1() -> None:
    head = POST + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\n"
    assert read_one(head + LENGTH + b"\r\n" + BODY).body == BODY
    assert read_one(head + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n").body == b"hi"
    reader = MessageReader(Limits(), "")
    first = reader.feed(head + LENGTH + b"\r\n" + BODY + WHOLE)
    second = reader.feed(reader.rest)
    assert first is not None
    assert second is not None
    assert second.body == BODY
    assert second.keep_alive


names = st.sampled_from([b"Accept", b"x-a", b"X-Stainless-Lang", b"Authorization", b"a", b"Cookie"])
values = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=30).map(str.encode)
bodies = st.binary(max_size=400)
WORDS = [
    b"GET ",
    b"POST ",
    b"/ ",
    b"HTTP/1.1",
    b"\r\n",
    b"\n",
    b"Host: x",
    b"\0",
    b":",
    b"Content-Length: 3",
    b"Transfer-Encoding: chunked",
]
WORDS += [b"0", b"3", b"abc", b" ", b"Connection: close", b"Upgrade: h2c", b"Expect: 100-continue"]


@st.composite
def messages(draw: st.DrawFn) -> tuple[bytes, bytes, list[tuple[bytes, bytes]]]:
    fields = draw(st.lists(st.tuples(names, values), max_size=5))
    body = draw(bodies)
    lines = b"".join(b"%b:%b%b\r\n" % (name, draw(st.sampled_from([b"", b" ", b"  \t"])), value) for name, value in fields)
    head = b"POST /v1/x?y HTTP/1.1\r\nHost: h\r\n" + lines
    if draw(st.booleans()):
        return head + b"Content-Length: %d\r\n\r\n" % len(body) + body, body, fields
    cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=4)))
    parts = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True) if a < b]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    trailer = draw(st.sampled_from([b"", b"X-T: v\r\n"]))
    return head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n" + trailer + b"\r\n", body, fields


@settings(max_examples=200, deadline=None)
@given(st.lists(messages(), min_size=1, max_size=3), st.data())
def test_any_split_gives_the_same_requests(wanted: list[tuple[bytes, bytes, list[tuple[bytes, bytes]]]], data: st.DataObject) -> None:
    stream = b"".join(message for message, _, _ in wanted)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    reader = MessageReader(Limits(), "")
    got: list[Request] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        part = stream[start:end]
        while part:
            request = reader.feed(part)
            part = reader.rest
            if request is not None:
                got.append(request)
    assert [request.body for request in got] == [body for _, body, _ in wanted]
    for request, (_, _, fields) in zip(got, wanted, strict=True):
        assert (request.method, request.path, request.query) == ("POST", "/v1/x", "y")
        said = [(name, value.strip()) for name, value in request.headers if name not in (b"host", b"content-length", b"transfer-encoding")]
        assert said == [(name.lower(), value) for name, value in fields]


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.lists(st.sampled_from(WORDS), max_size=20).map(b"".join)))
def test_random_bytes_are_refused_or_wait_or_are_requests(data: bytes) -> None:
    """Never any other exception; and whatever is accepted had one Host and a served method."""
    reader = MessageReader(Limits(), "")
    part = data
    verdict = "accepted"
    try:
        while part:
            request = reader.feed(part)
            part = reader.rest
            if request is not None:
                assert request.http_1_0 or sum(name == b"host" for name, _ in request.headers) == 1
    except RefusedError as refused:
        verdict = refused.fault.code
    assert verdict in ("accepted", "bad_framing", "too_large", "headers_too_large")


@settings(max_examples=40, deadline=None)
@given(data=st.binary(min_size=1, max_size=2000), prefix=st.sampled_from([b"", b"POST / HTTP/1.1\r\n", POST, CHUNKED, WHOLE]))
def test_random_bytes_on_a_socket_end_in_an_answer_or_a_close(data: bytes, prefix: bytes) -> None:
    async def scenario() -> None:
        async with serving(Handler(echo), HASTY) as (_, port):
            statuses, _ = await send_all(port, prefix + data)
            assert set(statuses) <= {200, 400, 408, 413, 431}

    run("uvloop", scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_pipelined_requests_are_answered_one_at_a_time_in_order(loop: str) -> None:
    async def scenario() -> None:
        lines: list[Line] = []
        handler = Handler(lambda _, line: lines.append(line))
        async with serving(handler) as (server, port):
            peer = await Peer.to(port)
            peer.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % i for i in range(200)))
            for i in range(200):
                await until_count(lines, i + 1)
                assert len(lines) == i + 1
                assert server.requests_open == 1
                lines[i].answer(200, (), b"%d" % i)
                assert (await peer.response())[2] == b"%d" % i
            assert [request.path for request, _ in handler.seen] == [f"/{i}" for i in range(200)]
            await peer.close()

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_pipelining_without_end_is_not_read_without_end(loop: str) -> None:
    async def scenario() -> None:
        handler = Handler(None)
        async with serving(handler, Limits(pipelined_bytes_max=10_000)) as (_, port):
            peer = await Peer.to(port)
            flood = WHOLE * 1000
            written = 0
            while written < 400:
                peer.send(flood)
                written += 1
                try:
                    await asyncio.wait_for(peer.writer.drain(), 0.2)
                except TimeoutError:
                    break
            assert written < 400, "the server kept reading"
            assert len(handler.seen) == 1
            peer.reset()

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_answers_within_the_handler_do_not_nest(loop: str) -> None:
    async def scenario() -> None:
        async with serving(Handler(echo)) as (_, port):
            data = WHOLE * 3000 + WHOLE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
            statuses, _ = await send_all(port, data, 20)
            assert statuses == [200] * 3001

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_http_1_0(loop: str) -> None:
    async def scenario() -> None:
        async with serving(Handler(echo)) as (_, port):
            old = WHOLE.replace(b"HTTP/1.1", b"HTTP/1.0")
            statuses, out = await send_all(port, old)
            assert statuses == [200]
            assert b"connection: close" in out
            peer = await Peer.to(port)
            for _ in range(3):
                peer.send(old.replace(b"\r\n\r\n", b"\r\nConnection: Keep-Alive\r\n\r\n"))
                status, fields, body = await peer.response()
                assert (status, fields[b"connection"], body) == (200, b"keep-alive", BODY)
            await peer.close()

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_expect_100_continue(loop: str) -> None:
    async def scenario() -> None:
        async with serving(Handler(echo)) as (_, port):
            peer = await Peer.to(port)
            for _ in range(2):
                peer.send(POST + LENGTH + b"Expect: 100-continue\r\n\r\n")
                assert (await peer.response())[0] == 100
                peer.send(BODY)
                status, _, body = await peer.response()
                assert (status, body) == (200, BODY)
            await peer.close()
            # With the body at hand nobody waits; a body that is announced too large is refused without being asked for.
            peer = await Peer.to(port)
            peer.send(POST + LENGTH + b"Expect: 100-continue\r\n\r\n" + BODY)
            assert (await peer.response())[0] == 200
            peer.send(POST + b"Content-Length: 999999999\r\nExpect: 100-continue\r\n\r\n")
            assert (await peer.response())[0] == 413
            await peer.close()

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_large_body_in_many_pieces(loop: str) -> None:
    async def scenario() -> None:
        handler = Handler(lambda request, line: line.answer(200, (), b"%d" % len(request.body)))
        async with serving(handler, Limits()) as (_, port):
            body = bytes(range(256)) * 40_000
            peer = await Peer.to(port)
            peer.send(POST + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            assert (await peer.response(20))[2] == b"%d" % len(body)
            peer.send(
                CHUNKED + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[i : i + 9999] for i in range(0, len(body), 9999)))
            )
            peer.send(b"0\r\n\r\n")
            assert (await peer.response(20))[2] == b"%d" % len(body)
            assert [request.body == body for request, _ in handler.seen] == [True, True]
            await peer.close()

    run(loop, scenario)


def test_one_blank_line_before_a_request_is_ignored() -> None:
    async def scenario() -> None:
        async with serving(Handler(echo), QUICK) as (_, port):
            peer = await Peer.to(port)
            for _ in range(3):
                peer.send(WHOLE + b"\r\n")
                assert (await peer.response())[0] == 200
            await peer.close()

    run("uvloop", scenario)
