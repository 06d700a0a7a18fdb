"""The network in memory is the real one as far as the HTTP client can tell: each fault of the scripted provider ends the same over both."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from tests.support.snapshots import OPENAI, snapshot

from orchvynt.adapters.clock import SystemClock
from orchvynt.adapters.upstream.client import HttpUpstream
from orchvynt.model.facts import AttemptSent
from orchvynt.ports.clock import Clock
from orchvynt.ports.upstream import Address, UpstreamFailure
from orchvynt.rehearsal.providers import ScriptedProviders, script_of
from orchvynt.rehearsal.virtual_time import VirtualClock, VirtualLoop
from orchvynt.testing.scripted import ScriptedProvider

SENT = AttemptSent("inv_1", 1, "att_1.1", 1, 1, "gpt", "openai", "gpt-4o")
FAULTS: list[dict[str, Any]] = [
    {},
    {"status": 503, "retry_after": 2},
    {"echo_key": True},
    {"redirect": True},
    {"html_200": True},
    {"empty_200": True},
    {"close_before_byte": True},
    {"reset_before_byte": True},
    {"reset_after": 1},
    {"cut_after": 1},
    {"clean_end_without_terminal": 1},
    {"error_event_after": 1},
    {"bad_json": True},
    {"wrong_content_type": True},
    {"wrong_length": "more"},
    {"wrong_length": "less"},
    {"giant_header": "128KiB"},
    {"giant_line": "1MiB"},
    {"giant_body": "20MiB"},
    {"one_byte_writes": True},
    {"one_write": True},
    {"crlf": True},
    {"gzip": "good"},
    {"gzip": "corrupt"},
    {"gzip": "bomb", "size": "32MiB"},
]


KEPT_BYTES = 65_536


class Heard(msgspec.Struct):
    """What the HTTP client tells of one exchange. Ids and instants in bodies differ, so frames of content are counted."""

    status: int = 0
    headers: tuple[bytes, ...] = ()
    frames: int = 0
    ended: str = ""


class Listener:
    """Implements ports.upstream.UpstreamListener."""

    def __init__(self) -> None:
        self.heard = Heard()
        self.body = b""
        self.over = asyncio.Event()

    def on_head(self, status: int, headers: Sequence[tuple[bytes, bytes]]) -> None:
        self.heard.status = status
        self.heard.headers = tuple(sorted(name for name, _ in headers))

    def on_data(self, data: bytes) -> None:
        self.body += data[: KEPT_BYTES - len(self.body)]

    def on_end(self) -> None:
        self._end("whole")

    def on_failure(self, failure: UpstreamFailure) -> None:
        self._end(f"{failure.kind} bytes_seen={failure.bytes_seen} sent={failure.sent}")

    def _end(self, how: str) -> None:
        self.heard.frames = min(self.body.count(b'"delta":{"content"'), 100)
        self.heard.ended = how
        self.over.set()


async def exchange(clock: Clock, address: Address, path: str, stream: bool) -> Heard:
    upstream, listener = HttpUpstream(clock), Listener()
    body = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "hello there"}], "stream": stream}).encode()
    headers = [("content-type", "application/json"), ("authorization", "Bearer k"), ("x-client-request-id", "att_1")]
    upstream.send(address, path, headers, body, 2_000_000_000, listener)
    async with asyncio.timeout(30):
        await listener.over.wait()
    await upstream.close()
    return listener.heard


@pytest.fixture(scope="module")
def real() -> Iterator[ScriptedProvider]:
    with ScriptedProvider() as provider:
        yield provider


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_an_exchange_ends_as_over_sockets(real: ScriptedProvider, fault: dict[str, Any], stream: bool) -> None:
    real.clear()
    if fault:
        real.fault("openai", fault)
    url = urlsplit(real.base_url("openai"))
    address = Address(str(url.hostname), int(url.port or 0), False)
    over_sockets = asyncio.run(exchange(SystemClock(), address, f"{url.path}/chat/completions", stream))

    clock = VirtualClock(SystemClock.now())
    providers = ScriptedProviders(snapshot(), script_of({"openai": fault}), clock.now, lambda _: SENT)
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock, providers)) as runner:
        in_memory = runner.run(exchange(clock, Address(OPENAI.host, OPENAI.port, False), "/v1/chat/completions", stream))
    assert in_memory == over_sockets
    # What was billed is the same, too.
    real_charges = [(charge.billed, charge.how) for charge in real.ledger().charges[-1:]]
    charges = [(charge.billed, charge.how) for charge in providers.books.ledger().charges]
    assert not charges or charges == real_charges
