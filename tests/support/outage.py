"""An outage of the only provider, with many callers who wait for their answer: each comes back when its refusal says so, as SDKs do.

Everything is judged from outside: by what callers saw, and by the provider's own ledger of what arrived when.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import msgspec
from tests.support.serving import Serving

from orchvynt.scripted.ledger import Arrived
from orchvynt.testing.scripted import ScriptedProvider

DOWN: Final = {"status": 503, "message": "down for maintenance"}
NANOS: Final = 1_000_000_000
BODY: Final = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hello"}]}).encode()
THINK_S: Final = 2.0
"""How long a caller that was answered does something else."""


def policy(base_url: str, breaker: str = "") -> str:
    """One model, no other tier; `breaker` is that section, as flow YAML."""
    return f"""
version: 1
providers: {{p: {{kind: openai-compatible, base_url: "{base_url}"}}}}
models: {{m: {{provider: p, price: free}}}}
routing: {{default: m}}
fallback:
  retry: {{max_retries: 2, backoff: {{base: 100ms, max: 1s}}}}
{f"  breaker: {breaker}" if breaker else ""}
"""


class Call(msgspec.Struct, frozen=True):
    """One request of a caller. Instants are ns UTC. `retry_after_s` is None without the header; `skipped`: nothing was sent for it."""

    began: int
    ended: int
    status: int
    retry_after_s: int | None
    skipped: bool

    @property
    def took_s(self) -> float:
        return (self.ended - self.began) / NANOS


class Outage(msgspec.Struct, frozen=True):
    """What happened. `calls` holds those of each caller in order; the provider was away from `down` to `up` (ns UTC)."""

    calls: tuple[tuple[Call, ...], ...]
    arrivals: tuple[Arrived, ...]
    down: int
    up: int

    @property
    def failed(self) -> list[Call]:
        return [call for calls in self.calls for call in calls if call.status != 200]

    @property
    def good_again_s(self) -> list[float]:
        """For each caller, ascending: how long after the recovery it had its first answer."""
        first = [min((call.ended for call in calls if call.status == 200 and call.ended > self.up), default=None) for calls in self.calls]
        assert None not in first, "a caller was never answered again"
        return sorted((ended - self.up) / NANOS for ended in first if ended is not None)

    @property
    def sent(self) -> list[Arrived]:
        """What reached the provider while it was away."""
        return [arrived for arrived in self.arrivals if self.down <= arrived.at < self.up]

    @property
    def retries(self) -> int:
        """Those that asked the same model again, within one invocation: every attempt but its first, where there is one model only."""
        return sum(not arrived.client_request_id.endswith(".1") for arrived in self.sent)

    def probes(self, open_for_s: float) -> list[Arrived]:
        """What still arrived once the breaker was open. It lets nothing through before `open_for`, so that half of it is time enough for
        what was on its way."""
        opened = min(call.ended for call in self.failed if call.skipped) + int(open_for_s * NANOS / 2)
        return [arrived for arrived in self.sent if arrived.at > opened]


class Caller:
    """One connection, one question, asked until it is answered, and then another one."""

    def __init__(self, port: int, number: int) -> None:
        self._port = port
        self._number = number
        self.calls: list[Call] = []

    async def run(self, until: asyncio.Event) -> None:
        await asyncio.sleep(self._number % 100 / 100 * THINK_S)
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        while not until.is_set():
            call = await self._ask(reader, writer)
            self.calls.append(call)
            await asyncio.sleep(THINK_S if call.status == 200 else call.retry_after_s or 1)
        writer.close()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Call:
        began = time.time_ns()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(BODY)}\r\n\r\n"
        writer.write(head.encode() + BODY)
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if line)
        body = await reader.readexactly(int(headers["content-length"]))
        status = int(lines[0].split()[1])
        waits = headers.get("retry-after")
        skipped = status != 200 and not json.loads(body)["error"].get("attempts")
        return Call(began, time.time_ns(), status, int(waits) if waits is not None else None, skipped)


async def outage(server: Serving, provider: ScriptedProvider, callers: int, before_s: float, for_s: float, after_s: float) -> Outage:
    """Lets the callers work, takes the provider away, brings it back, and lets them work on."""
    over = asyncio.Event()
    asking = [Caller(server.port, number) for number in range(callers)]
    running = [asyncio.ensure_future(caller.run(over)) for caller in asking]
    await asyncio.sleep(before_s)
    down = time.time_ns()
    await asyncio.to_thread(provider.fault, "openai", DOWN)
    await asyncio.sleep(for_s)
    await asyncio.to_thread(provider.fault, "openai", None)
    up = time.time_ns()
    await asyncio.sleep(after_s)
    over.set()
    await asyncio.gather(*running)
    return Outage(tuple(tuple(caller.calls) for caller in asking), provider.ledger().arrivals, down, up)


def closest_s(arrivals: Sequence[Arrived]) -> float:
    """The shortest time between two of them; where each takes longer than that to be answered, two were in flight at once."""
    instants = sorted(arrived.at for arrived in arrivals)
    return min(((later - earlier) / NANOS for earlier, later in pairwise(instants)), default=float("inf"))
