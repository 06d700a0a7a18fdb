"""The client's connection and exchange fed with arbitrary bytes of a provider, and what they made of them."""

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tests.fuzz.transport import PaperTransport

from orchvynt.adapters.upstream.connection import Connection
from orchvynt.adapters.upstream.exchange import Exchange
from orchvynt.adapters.upstream.limits import UpstreamLimits
from orchvynt.ports.upstream import Address, UpstreamFailure

LIMITS = UpstreamLimits(
    header_bytes_max=4_096, header_fields_max=32, body_bytes_max=65_536, expansion_max=50, expansion_free_bytes=8_192, connections_max=2
)
_TURNS_MAX = 64


class Told(NamedTuple):
    """What the listener heard of one response. `kind` is empty for one that was reported whole."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    kind: str
    usable: bool
    """Whether the connection would carry another exchange, after all bytes and before the provider's end."""


class PaperPool:
    """Implements `Home` and `Source`: one connection, one exchange."""

    def __init__(self) -> None:
        self.address = Address("provider.example", 80, False)
        self.limits = LIMITS
        self.monotonic: Callable[[], int] = lambda: 0
        self.freed = 0
        self.lost = 0

    def free(self, connection: Connection) -> None:
        assert connection.usable, "freed, and not usable"
        self.freed += 1

    def gone(self, connection: Connection) -> None:
        self.lost += 1

    def request(self, exchange: Exchange) -> None:
        raise AssertionError("the exchange has its connection")

    def withdraw(self, exchange: Exchange) -> None:
        pass

    def distrust(self) -> None:
        pass


class Ear:
    """Implements `UpstreamListener`, and holds it to its order: head, data, then one end or one failure."""

    def __init__(self) -> None:
        self.heads = 0
        self.status = 0
        self.headers: tuple[tuple[bytes, bytes], ...] = ()
        self.body = bytearray()
        self.ends: list[str] = []

    def on_head(self, status: int, headers: Sequence[tuple[bytes, bytes]]) -> None:
        assert not self.heads, "two heads"
        assert not self.ends, "a head after the end"
        assert len(headers) <= LIMITS.header_fields_max
        self.heads += 1
        self.status, self.headers = status, tuple(headers)

    def on_data(self, data: bytes) -> None:
        assert self.heads, "data before the head"
        assert not self.ends, "data after the end"
        assert data, "empty data"
        self.body += data
        assert len(self.body) <= LIMITS.body_bytes_max

    def on_end(self) -> None:
        assert self.heads, "an end before the head"
        self.ends.append("")

    def on_failure(self, failure: UpstreamFailure) -> None:
        self.ends.append(failure.kind)


async def receive(parts: list[bytes], reset: bool) -> Told:
    """One response from its first byte to the provider's end, or to its reset."""
    pool, ear, transport = PaperPool(), Ear(), PaperTransport()
    connection = Connection(pool)
    connection.connection_made(transport)
    exchange = Exchange(pool, b"POST / HTTP/1.1\r\n\r\n", 1, ear)
    exchange.ride(connection)
    came = bare = 0
    for part in parts:
        await _catch_up(lambda: not transport.reading and not transport.closing)
        assert transport.reading or transport.closing, "nobody will read on"
        if transport.closing:
            break
        came += len(part)
        before = len(ear.body)
        connection.data_received(part)
        bare = bare + len(part) if len(ear.body) == before else 0
        if not ear.ends and not any(name == b"content-encoding" for name, _ in ear.headers):
            assert bare <= LIMITS.header_bytes_max, "what is no body goes on without end"
        if not ear.heads and not ear.ends:
            assert came <= LIMITS.header_bytes_max, "a header without end is kept"
    await _catch_up(lambda: not transport.reading and not transport.closing)
    usable = connection.usable and pool.freed > 0
    assert pool.freed <= 1, "freed twice for one exchange"
    connection.connection_lost(ConnectionResetError() if reset else None)
    await _catch_up(lambda: not ear.ends)
    assert len(ear.ends) == 1, f"one exchange, one end: {ear.ends}"
    assert pool.lost == 1
    return Told(ear.status, ear.headers, bytes(ear.body), ear.ends[0], usable)


async def _catch_up(waits: Callable[[], bool]) -> None:
    """Lets a decoder that took a turn go on."""
    for _ in range(_TURNS_MAX):
        if not waits():
            break
        await asyncio.sleep(0)
