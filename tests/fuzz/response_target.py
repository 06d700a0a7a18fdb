"""Fuzz target: bytes of a provider to the client's connection. What it calls whole is whole for h11."""

import asyncio
import atexit
from functools import cache
from itertools import chain

from tests.fuzz.chunks_reference import FRAMING_IN_TRAILER
from tests.fuzz.coding_target import decoded, grows
from tests.fuzz.cutting import ways
from tests.fuzz.response_reference import EITHER, STRICTER, Response, read_response
from tests.fuzz.responses import Told, receive


def http_responses(data: bytes) -> None:
    _runner().run(_check(data))


@cache
def _runner() -> asyncio.Runner:
    """One event loop for all inputs: making one takes longer than most of them."""
    runner = asyncio.Runner()
    atexit.register(runner.close)
    return runner


async def _check(data: bytes) -> None:
    parts = ways(data)
    first = await receive(parts[0], reset=False)
    read = read_response(data)
    for way, reset in chain(((way, False) for way in parts), ((way, True) for way in parts)):
        told = await receive(way, reset)
        if not reset:
            _compare(told, read)
        if told != first and not reset:
            _same_but_for_limits(told, first, way)
        if reset and not told.kind:
            assert told == first, "whole with a reset, and not without"
            assert read is not None
            assert read.keep_alive or _delimited(read), "whole, although only a reset ended it"


def _delimited(read: Response) -> bool:
    return read.status in (204, 304) or bool(read.values(b"content-length") or read.values(b"transfer-encoding"))


def _compare(told: Told, read: Response | None) -> None:
    if told.usable:
        assert read is not None
        assert read.keep_alive, "used again, although the provider closes it"
        assert not read.rest, "used again, with bytes left that nobody asked for"
    if told.kind:
        if read is not None and read.whole:
            assert _reasons(read) or any(applies(read) for applies in EITHER.values()), f"h11 has a whole answer {read}, we have {told}"
        return
    assert read is not None
    if not read.whole and FRAMING_IN_TRAILER.search(read.raw):
        return
    assert read.whole, f"for h11 this is not whole: {told}"
    assert _reasons(read) == [], f"accepted, although it is {_reasons(read)}"
    assert told.status == read.status
    assert tuple((name, value.strip(b" \t")) for name, value in told.headers) == read.headers
    assert told.body == _expected(read)


def _reasons(read: Response) -> list[str]:
    reasons = [what for what, applies in STRICTER.items() if applies(read)]
    return reasons or (["a body that its coding does not give, or that grows too much"] if _expected(read) is None else [])


def _expected(read: Response) -> bytes | None:
    """The body without its content coding, by zlib itself; None where there is none that we would take."""
    coding = b",".join(value.lower() for value in read.values(b"content-encoding"))
    if coding in (b"", b"identity") or read.status in (204, 304):
        return read.body
    plain = decoded(coding.decode("latin-1"), read.body)
    return None if plain is None or grows(read.body, plain) else plain


def _same_but_for_limits(told: Told, first: Told, way: list[bytes]) -> None:
    """How much of a header, or of a bomb, is there when it is measured depends on the cuts, and what was decoded before a failure."""
    if told.kind == first.kind == "malformed" and (told.status, told.headers) == (first.status, first.headers):
        assert told.body.startswith(first.body) or first.body.startswith(told.body)
        return
    assert "too_large" in (told.kind, first.kind), f"{told} when it comes as {way}, and {first} in one piece"
    assert told.kind != "" or first.kind != "", "a limit that depends on the cuts"
