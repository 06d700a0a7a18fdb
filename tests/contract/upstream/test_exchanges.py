"""What an upstream does with providers that behave, and with listeners that cancel, pause and resume."""

import asyncio
import gzip
import zlib

import pytest
from tests.contract.upstream.provider import OK, PLAIN, TLS, Listener, Wire, answering, client, playing, post
from tests.support.loops import LOOPS, run, until

from orchvynt.adapters.upstream.limits import UpstreamLimits
from orchvynt.ports.upstream import Address

CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("loop", LOOPS)
def test_a_request_arrives_as_it_was_given(loop: str) -> None:
    async def scenario() -> None:
        seen: list[tuple[bytes, bytes]] = []

        async def script(wire: Wire) -> None:
            seen.append(await wire.request())
            wire.send(PLAIN)

        async with playing(script) as provider, client() as upstream:
            listener = Listener()
            headers = [("authorization", "Bearer k"), ("x-note", "naïve")]
            upstream.send(provider.address, "/v1/messages?beta=true", headers, b"[1]", 10**9, listener)
            assert await listener.whole() == b"{}"
            head, body = seen[0]
            lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
            assert lines[0] == b"POST /v1/messages?beta=true HTTP/1.1"
            assert sorted(lines[1:]) == sorted(
                [
                    b"host: 127.0.0.1:%d" % provider.address.port,
                    b"content-length: 3",
                    b"accept-encoding: identity",
                    b"authorization: Bearer k",
                    "x-note: naïve".encode(),
                ]
            )
            assert body == b"[1]"
            assert listener.status == 200
            assert (b"content-type", b"application/json") in listener.headers

    run(loop, scenario)


def packed(coding: bytes, body: bytes) -> bytes:
    return OK + b"content-encoding: %b\r\ncontent-length: %d\r\n\r\n%b" % (coding, len(body), body)


RESPONSES = {
    "length": (PLAIN, b"{}"),
    "no body": (OK + b"content-length: 0\r\n\r\n", b""),
    "chunks": (CHUNKED + b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n", b"abcde"),
    "chunks and trailers": (CHUNKED + b"3\r\nabc\r\n0\r\nx-checksum: 1\r\n\r\n", b"abc"),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    "a redirect, only reported": (b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1/\r\ncontent-length: 0\r\n\r\n", b""),
    "an error": (b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 3\r\nretry-after: 1\r\n\r\nno!", b"no!"),
    "interim responses": (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + PLAIN, b"{}"),
    "gzip": (
        OK + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(gzip.compress(b"a" * 99)) + gzip.compress(b"a" * 99),
        b"a" * 99,
    ),
    "deflate": (
        OK + b"content-encoding: deflate\r\ncontent-length: %d\r\n\r\n" % len(zlib.compress(b"abc")) + zlib.compress(b"abc"),
        b"abc",
    ),
    "identity": (OK + b"content-encoding: identity\r\ncontent-length: 2\r\n\r\nok", b"ok"),
    "an empty body that says gzip": (OK + b"content-encoding: gzip\r\ncontent-length: 0\r\n\r\n", b""),
}


@pytest.mark.parametrize("name", RESPONSES)
@pytest.mark.parametrize("loop", LOOPS)
def test_well_formed_responses_keep_the_connection(loop: str, name: str) -> None:
    response, body = RESPONSES[name]

    async def script(wire: Wire) -> None:
        await wire.request()
        wire.send(response)
        await wire.request()
        for i in range(len(response)):
            wire.send(response[i : i + 1])
            if i % 7 == 0:
                await asyncio.sleep(0)
        await wire.request()
        wire.send(PLAIN)
        await wire.closed_by_peer()

    async def scenario() -> None:
        async with playing(script) as provider, client() as upstream:
            for _ in range(2):
                _, listener = post(upstream, provider.address)
                assert await listener.whole() == body
                assert (b"link", b"</a>") not in listener.headers
            _, listener = post(upstream, provider.address)
            assert await listener.whole() == b"{}"
            assert provider.connections == 1
            assert upstream.dials == 1

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\n"])
def test_a_body_may_end_with_the_connection(loop: str, head: bytes) -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        wire.send(head)
        await asyncio.sleep(0.02)
        wire.send(b"a" * 100_000)
        await wire.flush()

    async def scenario() -> None:
        async with playing(script) as provider, client() as upstream:
            for turn in (1, 2):
                _, listener = post(upstream, provider.address)
                assert await listener.whole() == b"a" * 100_000
                assert provider.connections == turn

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(
    "response", [PLAIN.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"), PLAIN.replace(b"HTTP/1.1", b"HTTP/1.0")]
)
def test_a_connection_that_is_to_close_is_not_used_again(loop: str, response: bytes) -> None:
    async def scenario() -> None:
        async with playing(answering(response)) as provider, client() as upstream:
            for turn in (1, 2):
                _, listener = post(upstream, provider.address)
                assert await listener.whole() == b"{}"
                assert upstream.connections_idle == 0
                assert provider.connections == turn

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_listener_may_send_from_within_its_end(loop: str) -> None:
    async def scenario() -> None:
        async with playing(answering(PLAIN)) as provider, client() as upstream:
            ends: list[int] = []

            class Again(Listener):
                def on_end(self) -> None:
                    super().on_end()
                    ends.append(provider.connections)
                    if len(ends) < 200:
                        upstream.send(provider.address, "/", (), b"{}", 10**9, Again())

            upstream.send(provider.address, "/", (), b"{}", 10**9, Again())
            await until(lambda: len(ends) == 200)
            assert set(ends) == {1}

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("when", ["connecting", "waiting", "before the head", "in the body", "in the head", "in the data"])
def test_cancel_closes_at_once_and_silences(loop: str, when: str) -> None:
    async def scenario() -> None:
        closed = asyncio.Event()
        asked = asyncio.Event()

        async def script(wire: Wire) -> None:
            await wire.request()
            asked.set()
            if when != "before the head":
                wire.send(CHUNKED + b"1\r\nx\r\n")
            await wire.closed_by_peer()
            closed.set()

        async with playing(script) as provider, client(UpstreamLimits(connections_max=1)) as upstream:

            class Canceller(Listener):
                def on_head(self, status: int, headers: object) -> None:
                    self.events.append("head")
                    if when == "in the head":
                        call.cancel()

                def on_data(self, data: bytes) -> None:
                    super().on_data(data)
                    if when == "in the data":
                        call.cancel()

            listener = Canceller()
            call = upstream.send(provider.address, "/", (), b"{}", 10**9, listener)
            second = Listener()
            other = upstream.send(provider.address, "/", (), b"{}", 10**9, second)
            if when == "waiting":
                other.cancel()
                await asked.wait()
                call.cancel()
            elif when == "connecting":
                call.cancel()
                other.cancel()
            else:
                await asked.wait()
                await until(lambda: len(listener.events) == {"before the head": 0, "in the head": 1}.get(when, 2))
                call.cancel()
                other.cancel()
            count = len(listener.events)
            call.cancel()
            call.pause()
            call.resume()
            if when != "connecting":
                await asyncio.wait_for(closed.wait(), 1.0)
            await asyncio.sleep(0.05)
            assert len(listener.events) == count
            assert second.events == []
            await until(lambda: upstream.connections_open == 0)

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("coding", [b"", b"content-encoding: gzip\r\n"])
def test_pause_stops_reading_and_resume_goes_on(loop: str, coding: bytes) -> None:
    total = 8_000_000
    plain = bytes(range(256)) * (total // 256)
    packed = gzip.compress(plain, 1) if coding else plain

    async def scenario() -> None:
        async with playing(answering(OK + coding + b"content-length: %d\r\n\r\n" % len(packed) + packed)) as provider, client() as upstream:

            class Pausing(Listener):
                def on_data(self, data: bytes) -> None:
                    super().on_data(data)
                    call.pause()

            listener = Pausing()
            call = upstream.send(provider.address, "/", (), b"{}", 10**9, listener)
            await until(lambda: "data" in listener.events)
            await asyncio.sleep(0.1)
            heard = len(listener.body)
            assert heard < 1_000_000
            await asyncio.sleep(0.1)
            assert len(listener.body) == heard
            while not listener.over.is_set():
                call.resume()
                await asyncio.sleep(0)
            assert await listener.whole() == plain
            # The connection was not left paused.
            _, after = post(upstream, provider.address)
            assert await after.whole() == plain
            assert provider.connections == 1

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_tls_with_an_authority_of_ones_own(loop: str) -> None:
    async def scenario() -> None:
        async with playing(answering(PLAIN), "server.pem") as provider, client(ca_file=str(TLS / "authority.pem")) as upstream:
            for _ in range(3):
                _, listener = post(upstream, provider.address)
                assert await listener.whole() == b"{}"
            assert provider.connections == 1
            by_number = Address("127.0.0.1", provider.address.port, True)
            _, listener = post(upstream, by_number)
            assert await listener.whole() == b"{}"

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_large_request_to_a_slow_provider(loop: str) -> None:
    async def scenario() -> None:
        sizes: list[int] = []

        async def script(wire: Wire) -> None:
            await asyncio.sleep(0.05)
            _, body = await wire.request()
            sizes.append(len(body))
            wire.send(PLAIN)

        async with playing(script) as provider, client() as upstream:
            _, listener = post(upstream, provider.address, b"x" * 10_000_000)
            assert await listener.whole() == b"{}"
            assert sizes == [10_000_000]

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_an_answer_before_the_request_was_read_ends_the_connection(loop: str) -> None:
    """Else the rest of the request would be taken for the beginning of the next one."""

    async def scenario() -> None:
        async def script(wire: Wire) -> None:
            wire.send(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")
            await asyncio.sleep(0.2)
            await wire.closed_by_peer()

        async with playing(script) as provider, client() as upstream:
            _, listener = post(upstream, provider.address, b"x" * 20_000_000)
            assert await listener.whole() == b""
            assert listener.status == 413
            assert upstream.connections_idle == 0

    run(loop, scenario)
