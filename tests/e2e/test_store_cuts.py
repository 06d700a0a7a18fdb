"""PostgreSQL is cut off at every stage, stopped and started, under load with callers who come back: nothing is lost, charged twice or
forgotten, and nothing is sent unmetered."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.support.auditing import Auditor
from tests.support.away import caught_up
from tests.support.crowd import Told, mixed, tell
from tests.support.fleets import STAGES
from tests.support.policies import three_tiers
from tests.support.postgres import Server
from tests.support.relay import Relay, relayed
from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider

CALLERS = 12
CUTS = 14
ROUND_S = 0.3
BUDGETS = """budgets:
  - {name: all, scope: global, limit: {tokens: 100000000}, window: month}
  - {name: per-run, scope: run, limit: {tokens: 6000, invocations: 60}}
"""


@pytest.fixture
def url(postgres: Server) -> Iterator[str]:
    place = postgres.fresh()
    yield place
    postgres.give_back(place)


@asynccontextmanager
async def loaded(port: int, seed: int) -> AsyncIterator[list[Told]]:
    """Callers without pause, who come back with the same when they are told to. Gives what they saw, whole once the load is over."""
    seen: list[Told] = []
    working = True

    async def caller(number: int) -> None:
        for call in mixed(10_000, seed + number, headers=(("x-orchvynt-run", "{n}"),)):
            while working:
                told = await tell(port, call)
                seen.append(told)
                if told.status != 503:
                    break
                await asyncio.sleep(0.1)
            if not working:
                return

    running = [asyncio.ensure_future(caller(number)) for number in range(CALLERS)]
    try:
        yield seen
    finally:
        working = False
        await asyncio.gather(*running)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("closed_after", ["30s", "0s"])
def test_whatever_is_cut_the_books_are_right(
    closed_after: str, url: str, postgres: Server, tmp_path: Path, scripted_provider: ScriptedProvider
) -> None:
    relay, chance = Relay(postgres.port, b"COMMIT"), random.Random(7)
    outage = f"outage: {{budgets: {{closed_after: {closed_after}}}}}\n"
    policy = three_tiers(scripted_provider, BUDGETS + outage, tiers="gpt-4o, claude")

    async def storm(server: Serving) -> list[Told]:
        async with loaded(server.port, 100) as seen:
            for number in range(CUTS):
                relay.word, relay.cut = STAGES[number % len(STAGES)]
                await asyncio.sleep(chance.random() * ROUND_S)
                if number == CUTS // 2:
                    await asyncio.to_thread(postgres.stop, "immediate")
                    await asyncio.sleep(ROUND_S)
                    await asyncio.to_thread(postgres.start)
        return seen

    with Serving(tmp_path, policy, arguments=("--store", relayed(url, relay))) as server:
        seen = asyncio.run(storm(server))
        relay.cut = None
        caught_up(server)
        assert relay.cuts > 2
        answered = sum(one.whole for one in seen)
        assert answered > CALLERS
        auditor = Auditor(server, scripted_provider)
        auditor.audit(seen)
        assert auditor.found.invocations >= answered
        assert {one.status for one in seen} <= {200, 402, 503}
        assert server.command("audit", "verify").returncode == 0
        server.kill()
        server.start()
        caught_up(server)
        Auditor(server, scripted_provider).audit()
    relay.close()
