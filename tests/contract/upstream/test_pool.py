"""The pool: bounded, fair, last used first, and nothing idle for ever."""

import asyncio

import pytest
from tests.contract.upstream.provider import MS, OK, PLAIN, Listener, Wire, answering, client, playing, post
from tests.support.clock import FakeClock
from tests.support.loops import LOOPS, run, until

from orchvynt.adapters.upstream.limits import SECOND, UpstreamLimits


@pytest.mark.parametrize("loop", LOOPS)
def test_the_number_of_connections_is_bounded_and_waiters_are_served_in_order(loop: str) -> None:
    async def scenario() -> None:
        open_now: list[int] = [0]
        most: list[int] = [0]
        order: list[int] = []

        async def script(wire: Wire) -> None:
            while True:
                _, body = await wire.request()
                open_now[0] += 1
                most[0] = max(most[0], open_now[0])
                order.append(int(body))
                await asyncio.sleep(0.001)
                open_now[0] -= 1
                wire.send(PLAIN)

        async with playing(script) as provider, client(UpstreamLimits(connections_max=4)) as upstream:
            listeners = [post(upstream, provider.address, b"%d" % number, 10_000)[1] for number in range(100)]
            for listener in listeners:
                await listener.whole()
            assert most[0] <= 4
            assert provider.connections == 4
            assert upstream.connections_open == 4
            # Four at a time, each next one in its turn.
            assert all(abs(place - number) < 8 for place, number in enumerate(order))

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_place_that_becomes_free_by_failure_or_cancel_goes_to_the_next(loop: str) -> None:
    async def scenario() -> None:
        async def script(wire: Wire) -> None:
            _, body = await wire.request()
            if body == b"close":
                return
            if body == b"hang":
                await wire.closed_by_peer()
            wire.send(PLAIN)

        async with playing(script) as provider, client(UpstreamLimits(connections_max=1)) as upstream:
            _, closing = post(upstream, provider.address, b"close")
            hanging, _ = post(upstream, provider.address, b"hang")
            _, last = post(upstream, provider.address, b"good")
            assert (await closing.failed()).kind == "closed"
            await until(lambda: provider.connections == 2)
            hanging.cancel()
            assert await last.whole() == b"{}"

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_who_waits_too_long_is_told_and_nothing_was_sent(loop: str) -> None:
    async def scenario() -> None:
        async def script(wire: Wire) -> None:
            await wire.closed_by_peer()

        async with playing(script) as provider, client(UpstreamLimits(connections_max=1, waiters_max=1)) as upstream:
            first, _ = post(upstream, provider.address)
            _, waiting = post(upstream, provider.address, connect_ms=100)
            _, turned_away = post(upstream, provider.address, connect_ms=10_000)
            for listener in (turned_away, waiting):
                failure = await listener.failed()
                assert (failure.kind, failure.sent) == ("busy", False)
            first.cancel()

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_idle_connections_expire_the_oldest_first(loop: str) -> None:
    async def scenario() -> None:
        clock = FakeClock()
        gate = asyncio.Event()

        async def script(wire: Wire) -> None:
            while True:
                await wire.request()
                await gate.wait()
                wire.send(PLAIN)

        limits = UpstreamLimits(idle_ns=60 * SECOND, sweep_ns=20 * MS)
        async with playing(script) as provider, client(limits, clock=clock) as upstream:
            listeners = [post(upstream, provider.address)[1] for _ in range(3)]
            await until(lambda: provider.connections == 3)
            gate.set()
            for listener in listeners:
                await listener.whole()
            assert upstream.connections_idle == 3
            clock.advance(50 * SECOND)
            # The last one used is used again, so it stays when the others go.
            _, listener = post(upstream, provider.address)
            await listener.whole()
            clock.advance(20 * SECOND)
            await until(lambda: upstream.connections_open == 1)
            await asyncio.sleep(0.1)
            assert upstream.connections_idle == 1
            clock.advance(50 * SECOND)
            await until(lambda: upstream.connections_open == 0)
            assert upstream.dials == 3

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_provider_that_closes_an_idle_connection_costs_nothing(loop: str) -> None:
    async def scenario() -> None:
        async with playing(answering(PLAIN, times=1)) as provider, client() as upstream:
            for turn in range(5):
                _, listener = post(upstream, provider.address)
                await listener.whole()
                await until(lambda: upstream.connections_open == 0)
                assert provider.connections == turn + 1

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_who_met_a_stale_connection_does_not_meet_the_next_one(loop: str) -> None:
    """Something between us and the provider forgot all idle connections: each is reset when it is used."""

    async def scenario() -> None:
        gate = asyncio.Event()

        async def script(wire: Wire) -> None:
            await wire.request()
            await gate.wait()
            wire.send(PLAIN)
            await wire.request()
            if provider.connections <= 3:
                wire.reset()

        async with playing(script) as provider, client() as upstream:
            listeners = [post(upstream, provider.address)[1] for _ in range(3)]
            await until(lambda: provider.connections == 3)
            gate.set()
            for listener in listeners:
                await listener.whole()
            _, listener = post(upstream, provider.address)
            assert (await listener.failed()).stale
            _, listener = post(upstream, provider.address, fresh=True)
            assert await listener.whole() == b"{}"
            assert upstream.dials == 4

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_close_ends_everything_with_a_word(loop: str) -> None:
    async def scenario() -> None:
        async def script(wire: Wire) -> None:
            _, body = await wire.request()
            if body == b"begin":
                wire.send(OK + b"content-length: 10\r\n\r\nabc")
            await wire.closed_by_peer()

        async with playing(script) as provider, client(UpstreamLimits(connections_max=2)) as upstream:
            _, waiting = post(upstream, provider.address)
            _, begun = post(upstream, provider.address, b"begin")
            _, queued = post(upstream, provider.address)
            await until(lambda: begun.body == b"abc")
            await upstream.close()
            for listener in (waiting, begun, queued):
                assert (await listener.failed()).kind == "closed"
            late = Listener()
            upstream.send(provider.address, "/", (), b"{}", SECOND, late)
            assert late.events == []
            assert not (await late.failed()).sent

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_thousand_exchanges_at_once(loop: str) -> None:
    async def scenario() -> None:
        async with playing(answering(PLAIN)) as provider, client(UpstreamLimits(connections_max=50)) as upstream:
            listeners = [post(upstream, provider.address, connect_ms=20_000)[1] for _ in range(1000)]
            for listener in listeners:
                assert await listener.whole() == b"{}"
            assert provider.connections == 50
            assert upstream.connections_idle == 50

    run(loop, scenario)
