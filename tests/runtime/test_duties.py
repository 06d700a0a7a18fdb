"""What one process does for all: exactly one has it, goes on with it, and is followed when it is gone."""

import asyncio

import pytest
from tests.runtime.test_alerting import policy
from tests.support.loops import until
from tests.support.snapshots import SECOND, snapshot
from tests.support.together import fleet

from orchvynt.ports.store import StoreUnavailableError
from orchvynt.runtime.duties import LASTS_NS, RENEWED_NS, Duty


def test_one_has_it_until_it_is_gone() -> None:
    async def scenario() -> None:
        async with fleet(snapshot(), 3) as crowd:
            duties = [Duty("d", one.store, one.peers, one.clock) for one in crowd.all]
            for _ in range(3):
                assert [await duty.mine() for duty in duties] == [True, False, False]
            crowd.all[0].clock.advance(RENEWED_NS)
            assert await duties[0].mine()
            await crowd.all[1].store.forget_peer("prc_0")
            assert [await duty.mine() for duty in duties[1:]] == [True, False]
            assert await duties[0].mine(), "until it asks again"
            crowd.all[0].clock.advance(RENEWED_NS)
            assert not await duties[0].mine()

    asyncio.run(scenario())


def test_whoever_cannot_ask_does_not_count_on_it_for_long() -> None:
    async def scenario() -> None:
        async with fleet(snapshot(), 2) as crowd:
            one = crowd.all[0]
            duty = Duty("d", one.store, one.peers, one.clock)
            assert await duty.mine()
            one.store.away = True
            assert await duty.mine()
            one.clock.advance(LASTS_NS - SECOND)
            with pytest.raises(StoreUnavailableError):
                await duty.mine()
            one.store.away = False

    asyncio.run(scenario())


def test_messages_go_out_from_one_process_whoever_put_them() -> None:
    async def scenario() -> None:
        async with fleet(policy(), 2) as crowd:
            for one in crowd.all:
                delivering = one.alerting.delivering
                delivering.stored = lambda one=one: one.peers.tell("messages")  # type: ignore[misc]
                one.peers.on("messages", lambda _, delivering=delivering: delivering.look_again())  # type: ignore[misc]
            first, second = crowd.all
            await first.alerting.tick()
            second.alerting.delivering.put("oncall", "line", b"{}")
            await second.alerting.tick()
            await asyncio.sleep(0)
            for one in (second, first):
                one.clock.advance(SECOND)
                await one.alerting.tick()
            await until(lambda: bool(first.upstream.arrivals), 20)
            await second.alerting.tick()
            assert (len(first.upstream.arrivals), len(second.upstream.arrivals)) == (1, 0)

    asyncio.run(scenario())
