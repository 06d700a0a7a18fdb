"""One exchange with a server that cannot be trusted: bounded in size and in time as a whole, and never anywhere else."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from orchvynt.adapters.fetching import HttpFetching
from orchvynt.ports.fetching import Fetched, FetchError

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def fetched(behave: Behaviour, form: str | None = None, seconds: float = 20.0) -> Fetched:
    async def run() -> Fetched:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await behave(reader, writer)
            except ConnectionError:
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            return await HttpFetching(seconds_max=seconds, bytes_max=10_000).fetch(f"http://127.0.0.1:{port}/x?y=1", (("x-a", "b"),), form)
        finally:
            server.close()

    return asyncio.run(run())


def saying(answer: bytes) -> Behaviour:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    return behave


def test_what_is_asked_and_what_is_answered() -> None:
    seen: list[bytes] = []

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        seen.append(head + await reader.readexactly(3))
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n")

    assert fetched(behave, "a=b") == Fetched(200, b"{}")
    assert seen[0].startswith(b"POST /x?y=1 HTTP/1.1\r\nhost: 127.0.0.1:")
    assert b"\r\nx-a: b\r\n" in seen[0]
    assert seen[0].endswith(b"content-length: 3\r\n\r\na=b")


def test_a_redirect_is_an_answer_like_any_other() -> None:
    assert fetched(saying(b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n")).status == 302


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", "ended in the middle"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", "ended in the middle"),
        (b"SSH-2.0-OpenSSH\r\n", "no HTTP"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n" + b"x" * 99_999, "larger than 10000 bytes"),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 9_999, "larger than 10000 bytes"),
    ],
)
def test_what_is_broken_or_giant_is_refused(answer: bytes, said: str) -> None:
    with pytest.raises(FetchError, match=said):
        fetched(saying(answer))


def test_one_that_drips_is_left() -> None:
    async def behave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for sign in b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n" + b"x" * 1_000:
            writer.write(bytes([sign]))
            await writer.drain()
            await asyncio.sleep(0.05)

    with pytest.raises(FetchError, match=r"within 0\.5 s"):
        fetched(behave, seconds=0.5)


def test_a_line_break_is_not_sent_and_nobody_there_is_told() -> None:
    with pytest.raises(FetchError, match="line break"):
        asyncio.run(HttpFetching().fetch("http://127.0.0.1:9/", (("x-a", "b\r\nx-evil: c"),)))
    with pytest.raises(FetchError, match="cannot be reached"):
        asyncio.run(HttpFetching().fetch("http://127.0.0.1:9/"))
