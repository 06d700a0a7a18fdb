"""Providers that break HTTP, close, reset, lie, explode or cannot be reached: each failure has its kind, and says what was seen."""

import asyncio
import gzip
import random
import socket
import tracemalloc
import zlib

import pytest
from tests.contract.upstream.provider import OK, PLAIN, TLS, Listener, Script, Wire, answering, client, playing, post
from tests.support.loops import LOOPS, run, until

from orchvynt.adapters.upstream.limits import UpstreamLimits
from orchvynt.ports.upstream import Address, FailureKind

CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
GZIP = OK + b"content-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data)


# name: (response, kind, the head was given on)
BROKEN: dict[str, tuple[bytes, FailureKind, bool]] = {
    "no HTTP at all": (b"SSH-2.0-OpenSSH_9.2\r\n", "malformed", False),
    "HTML without a head": (b"<html>502</html>", "malformed", False),
    "a TLS alert": (b"\x15\x03\x01\x00\x02\x02\x28", "malformed", False),
    "bare LF": (b"HTTP/1.1 200 OK\ncontent-length: 2\n\n{}", "malformed", False),
    "CL and TE": (OK + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n" + chunk(b"{}"), "malformed", False),
    "two different CL": (OK + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}x", "malformed", False),
    "CL that is no number": (OK + b"content-length: two\r\n\r\n{}", "malformed", False),
    "TE gzip, chunked": (OK + b"transfer-encoding: gzip, chunked\r\n\r\n" + chunk(b"{}"), "malformed", False),
    "TE gzip": (OK + b"transfer-encoding: gzip\r\n\r\n{}", "malformed", False),
    "a folded field": (OK + b"a: b\r\n c\r\ncontent-length: 2\r\n\r\n{}", "malformed", False),
    "NUL in a field": (OK + b"a: b\0c\r\ncontent-length: 2\r\n\r\n{}", "malformed", False),
    "101": (b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n", "malformed", False),
    "101 without upgrade": (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "malformed", False),
    "a status that is none": (b"HTTP/1.1 000 None\r\n\r\n{}", "malformed", False),
    "a trailer without end": (CHUNKED + b"0\r\na: " + b"b" * 600_000, "malformed", True),
    "a broken chunk size": (CHUNKED + b"2\r\n{}\r\nxyz\r\n", "malformed", True),
    "a negative chunk size": (CHUNKED + b"-2\r\n{}\r\n", "malformed", True),
    "a chunk without its CRLF": (CHUNKED + b"2\r\n{}XX0\r\n\r\n", "malformed", True),
    "a header of 65 KB": (OK + b"a: " + b"b" * 66_000 + b"\r\n\r\n", "too_large", False),
    "a header without end": (OK + b"a: " + b"b" * 200_000, "too_large", False),
    "129 fields": (OK + b"a: b\r\n" * 128 + b"content-length: 2\r\n\r\n{}", "too_large", False),
    "interim responses without end": (b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000, "too_large", False),
    "a coding nobody asked for": (OK + b"content-encoding: br\r\ncontent-length: 2\r\n\r\n{}", "malformed", False),
    "two codings": (OK + b"content-encoding: gzip, gzip\r\ncontent-length: 2\r\n\r\n{}", "malformed", False),
    "gzip that is none": (GZIP + chunk(b"not gzip at all"), "malformed", True),
    "gzip that is corrupt": (GZIP + chunk(gzip.compress(b"a" * 1000)[:-6] + b"\0" * 6), "malformed", True),
    "gzip that is cut": (GZIP + chunk(gzip.compress(b"a" * 1000)[:-10]), "malformed", True),
    "gzip with more behind it": (GZIP + chunk(gzip.compress(b"a" * 1000) + b"more"), "malformed", True),
    "deflate with more behind it": (GZIP.replace(b"gzip", b"deflate") + chunk(zlib.compress(b"a") + b"more"), "malformed", True),
    "a body over the limit": (OK + b"content-length: 300000\r\n\r\n" + b"x" * 300_000, "too_large", True),
    "chunks over the limit": (CHUNKED + (b"ffff\r\n" + b"x" * 65_535 + b"\r\n") * 5, "too_large", True),
    "gzip over the limit": (GZIP + chunk(gzip.compress(random.Random(1).randbytes(100_000) * 3)), "too_large", True),
    "gzip that grows too much": (GZIP + chunk(gzip.compress(b"\0" * 190_000)), "too_large", True),
}
SMALL = UpstreamLimits(body_bytes_max=200_000, expansion_free_bytes=100_000)


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("loop", LOOPS)
def test_broken_responses_fail_and_end_the_connection(loop: str, name: str) -> None:
    response, kind, head = BROKEN[name]

    async def script(wire: Wire) -> None:
        await wire.request()
        wire.send(response)
        await wire.closed_by_peer()

    async def scenario() -> None:
        async with playing(script) as provider, client(SMALL) as upstream:
            _, listener = post(upstream, provider.address)
            failure = await listener.failed()
            assert (failure.kind, failure.bytes_seen, failure.sent) == (kind, True, True), failure
            assert ("head" in listener.events) is head
            assert f"127.0.0.1:{provider.address.port}: " in failure.message
            assert len(failure.message) < 300
            # Where only the compressed data is wrong, HTTP itself was in order.
            await until(lambda: upstream.connections_open == upstream.connections_idle)
            assert upstream.connections_idle == (1 if name == "gzip that is cut" else 0)

    run(loop, scenario)


CUTS: dict[str, tuple[bytes, bool]] = {
    "before a byte": (b"", False),
    "in the head": (OK, True),
    "after an interim response": (b"HTTP/1.1 100 Continue\r\n\r\n", True),
    "in the body": (OK + b"content-length: 100\r\n\r\nabc", True),
    "in a chunk": (CHUNKED + b"64\r\nabc", True),
    "between chunks": (CHUNKED + b"3\r\nabc\r\n", True),
    "before the last CRLF": (CHUNKED + b"3\r\nabc\r\n0\r\n", True),
}


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("name", CUTS)
@pytest.mark.parametrize("loop", LOOPS)
def test_a_cut_answer_is_never_whole(loop: str, name: str, how: str) -> None:
    response, seen = CUTS[name]

    async def script(wire: Wire) -> None:
        await wire.request()
        wire.send(response)
        await wire.flush()
        await asyncio.sleep(0.05)
        if how == "reset":
            wire.reset()

    async def scenario() -> None:
        async with playing(script) as provider, client() as upstream:
            _, listener = post(upstream, provider.address)
            failure = await listener.failed()
            assert (failure.kind, failure.bytes_seen, failure.sent) == ("closed" if how == "close" else "reset", seen, True), failure
            assert provider.connections == 1, "a fresh connection that closes is not tried again"
            assert not failure.stale

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_body_that_ends_with_the_connection_is_cut_by_a_reset(loop: str) -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        wire.send(OK + b"\r\nabc")
        await wire.flush()
        await asyncio.sleep(0.05)
        wire.reset()

    async def scenario() -> None:
        async with playing(script) as provider, client() as upstream:
            _, listener = post(upstream, provider.address)
            assert (await listener.failed()).kind == "reset"

    run(loop, scenario)


def talkative(excess: bytes, later: bool) -> Script:
    """Answers `first` to the first connection and `second` to the next, and says more each time, in the same write or in a later one."""
    bodies = iter((b"first", b"second"))

    async def script(wire: Wire) -> None:
        await wire.request()
        body = next(bodies)
        wire.send(OK + b"content-length: %d\r\n\r\n%b" % (len(body), body) + (b"" if later else excess))
        if later:
            await asyncio.sleep(0.02)
            wire.send(excess)
        await wire.closed_by_peer()

    return script


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("excess", [PLAIN, b"garbage", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_bytes_after_an_answer_are_never_the_next_answer(loop: str, excess: bytes) -> None:
    async def scenario() -> None:
        for later in (False, True):
            async with playing(talkative(excess, later)) as provider, client() as upstream:
                _, listener = post(upstream, provider.address)
                assert await listener.whole() == b"first"
                await asyncio.sleep(0.1)
                assert upstream.connections_idle == 0
                _, listener = post(upstream, provider.address)
                assert await listener.whole() == b"second"
                assert provider.connections == 2

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_stale_connection_is_reported_and_nothing_is_sent_twice(loop: str, how: str) -> None:
    """The provider closes exactly when the second request arrives: it may have read it, so repeating it is not for this adapter."""

    async def scenario() -> None:
        arrived: list[bytes] = []

        async def script(wire: Wire) -> None:
            arrived.append((await wire.request())[1])
            wire.send(PLAIN)
            arrived.append((await wire.request())[1])
            if how == "reset":
                wire.reset()

        async with playing(script) as provider, client() as upstream:
            _, listener = post(upstream, provider.address, b"0")
            assert await listener.whole() == b"{}"
            _, listener = post(upstream, provider.address, b"1")
            failure = await listener.failed()
            assert (failure.stale, failure.sent, failure.bytes_seen) == (True, True, False)
            assert arrived == [b"0", b"1"]

    run(loop, scenario)


async def refused(address: Address, kinds: tuple[FailureKind, ...], connect_ms: int = 2000, ca_file: str | None = None) -> str:
    async with client(ca_file=ca_file) as upstream:
        _, listener = post(upstream, address, connect_ms=connect_ms)
        failure = await listener.failed()
        assert failure.kind in kinds, failure
        assert not failure.bytes_seen
        assert not failure.sent
        assert not failure.stale
        return failure.message


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.parametrize("loop", LOOPS)
def test_who_cannot_be_reached(loop: str) -> None:
    async def scenario() -> None:
        assert "refuses" in await refused(Address("127.0.0.1", closed_port(), False), ("connect",))
        assert "resolved" in await refused(Address("no-such-host.invalid", 80, False), ("dns",))
        await refused(Address("a..b", 80, False), ("dns",))
        await refused(Address("x" * 70 + ".invalid", 80, False), ("dns",))

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_black_hole_ends_with_the_connect_timeout(loop: str) -> None:
    async def scenario() -> None:
        with socket.socket() as hole:
            # Nobody accepts, and the queue of one is full.
            hole.bind(("127.0.0.1", 0))
            hole.listen(0)
            port = hole.getsockname()[1]
            fillers = []
            for _ in range(8):
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex(("127.0.0.1", port))
                fillers.append(filler)
            await asyncio.sleep(0.05)
            message = await refused(Address("127.0.0.1", port, False), ("connect_timeout",), connect_ms=100)
            assert "100 ms" in message
            for filler in fillers:
                filler.close()

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_tls_is_verified_whatever_happens(loop: str) -> None:
    authority = str(TLS / "authority.pem")

    async def plain_spoken(wire: Wire) -> None:
        wire.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await wire.closed_by_peer()

    async def silent(wire: Wire) -> None:
        await wire.closed_by_peer()

    async def scenario() -> None:
        async with playing(answering(PLAIN), "server.pem") as provider:
            assert "certificate" in await refused(provider.address, ("tls",))
            plain = Address("127.0.0.1", provider.address.port, False)
            async with client() as upstream:
                _, listener = post(upstream, plain)
                assert (await listener.failed()).kind in ("malformed", "closed", "reset")
        async with playing(answering(PLAIN), "elsewhere.pem") as provider:
            assert "certificate" in await refused(provider.address, ("tls",), ca_file=authority)
        async with playing(plain_spoken) as provider:
            await refused(Address("127.0.0.1", provider.address.port, True), ("tls",), ca_file=authority)
        async with playing(silent) as provider:
            silent_one = Address("127.0.0.1", provider.address.port, True)
            await refused(silent_one, ("connect_timeout",), connect_ms=100, ca_file=authority)

    run(loop, scenario)


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/", [("authorization", "Bearer geheim\r\nx: y")]),
        ("/", [("authorization", "Bearer geheim\n")]),
        ("/", [("authorization", "geheim\r")]),
        ("/", [("authorization", "geheim\0")]),
        ("/", [("a", "geheim\r"), ("b", "geheim\n")]),
        ("/a b", []),
        ("a", []),
        ("/a\r\nx: y", []),
        ("/é", []),
    ],
)
def test_what_could_end_a_line_is_not_sent(path: str, headers: list[tuple[str, str]]) -> None:
    async def scenario() -> None:
        async with playing(answering(PLAIN)) as provider, client() as upstream:
            listener = Listener()
            upstream.send(provider.address, path, headers, b"{}", 10**9, listener)
            assert listener.events == []
            failure = await listener.failed()
            assert (failure.kind, failure.sent, failure.bytes_seen) == ("malformed", False, False)
            assert "geheim" not in failure.message
            assert provider.connections == 0

    run("uvloop", scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_an_exploding_body_costs_bounded_memory_and_time(loop: str) -> None:
    """60 KB that become 60 MB, to a listener that throws away what it hears."""
    bomb = gzip.compress(b"\0" * 60_000_000)

    async def scenario() -> None:
        class Careless(Listener):
            def on_data(self, data: bytes) -> None:
                self.events.append("data")
                assert len(data) <= 65_536

        async with (
            playing(answering(GZIP + chunk(bomb))) as provider,
            client(UpstreamLimits(expansion_max=2000, body_bytes_max=64 << 20)) as upstream,
        ):
            listener = Careless()
            tracemalloc.start()
            try:
                upstream.send(provider.address, "/", (), b"{}", 10**9, listener)
                await asyncio.wait_for(listener.over.wait(), 20)
                assert tracemalloc.get_traced_memory()[1] < 5_000_000
            finally:
                tracemalloc.stop()
            assert listener.failure is None
        async with playing(answering(GZIP + chunk(bomb))) as provider, client() as upstream:
            listener = Careless()
            upstream.send(provider.address, "/", (), b"{}", 10**9, listener)
            assert (await listener.failed()).kind == "too_large"
            assert listener.events.count("data") < 300

    run(loop, scenario)


def test_random_answers_end_in_a_failure_or_an_end() -> None:
    noise = random.Random(7)
    words = [
        b"HTTP/1.1 200 OK",
        b"\r\n",
        b"\r\n\r\n",
        b"content-length: 3",
        b"transfer-encoding: chunked",
        b"3\r\nabc\r\n",
        b"0\r\n\r\n",
        b"abc",
    ]
    words += [
        b"0\r\n\r\n",
        b"abc",
        b"content-encoding: gzip",
        b"connection: close",
        b"\0",
        b" ",
        b"\x1f\x8b\x08",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ]

    async def script(wire: Wire) -> None:
        await wire.request()
        wire.send(b"HTTP/1.1 200 OK\r\n" * noise.randrange(2) + b"".join(noise.choices(words, k=noise.randrange(12))))
        await wire.flush()

    async def scenario() -> None:
        async with playing(script) as provider, client() as upstream:
            for _ in range(300):
                _, listener = post(upstream, provider.address)
                await asyncio.wait_for(listener.over.wait(), 5)
                assert listener.events[-1] in ("end", "failure")
                assert listener.events.count("end") + listener.events.count("failure") == 1

    run("uvloop", scenario)
