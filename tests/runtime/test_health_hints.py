"""What one process sees of a route the others know at once; and they take turns in probing."""

import asyncio

from tests.support.loops import until
from tests.support.snapshots import SECOND, snapshot
from tests.support.together import Process, fleet

from orchvynt.decisions.fallback.moves import Rest
from orchvynt.decisions.fallback.passing import Passage
from orchvynt.decisions.fallback.routes import Route
from orchvynt.decisions.fallback.sharing import TURN_NS
from orchvynt.decisions.fallback.sights import How
from orchvynt.ports.peers import Pulse
from orchvynt.runtime.health_hints import HealthHints

POLICY = snapshot()
PROVIDER = POLICY.models["gpt"].provider


def hints(one: Process) -> HealthHints:
    return HealthHints(one.health, one.policies, one.clock, one.peers)


def route(one: Process) -> Route:
    return one.health.route(PROVIDER, "gpt")


def test_a_rest_and_an_open_breaker_are_known_to_all() -> None:
    async def scenario() -> None:
        async with fleet(POLICY, 3) as crowd:
            for one in crowd.all:
                hints(one)
                one.health.under(POLICY)
            crowd.all[0].health.rest(PROVIDER, "gpt", Rest(9 * SECOND, False, "rate_limit"), 0)
            await until(lambda: all(route(one).until == 9 * SECOND for one in crowd.all), 20)
            for _ in range(POLICY.breaking.min_calls):
                crowd.all[1].health.failed(route(crowd.all[1]), How("server_error", True, 0), 0)
            await until(lambda: all(route(one).breaker.open for one in crowd.all), 20)

    asyncio.run(scenario())


def test_of_those_that_serve_one_at_a_time_may_probe() -> None:
    async def scenario() -> None:
        async with fleet(POLICY, 3) as crowd:
            made = [hints(one) for one in crowd.all]
            crowd.stands("prc_1", "draining")
            opens = POLICY.breaking.open_for_ns
            for one, hint in zip(crowd.all, made, strict=True):
                one.health.under(POLICY)
                one.clock.advance(opens)
                route(one).breaker.opened_elsewhere(0, opens)
                hint.pulsed(Pulse(opens, 0, 0, 0), list(crowd.rows.values()))
            probing = [route(crowd.all[place]) for place in (0, 2)]
            may = [[isinstance(one.refusal(opens + turn * TURN_NS), Passage) for one in probing] for turn in range(4)]
            assert sorted(map(sum, may)) == [1, 1, 1, 1]
            assert may[0] != may[1]

    asyncio.run(scenario())


def test_what_is_not_understood_changes_nothing() -> None:
    async def scenario() -> None:
        async with fleet(POLICY, 2) as crowd:
            hints(crowd.all[1])
            for said in ("", "{}", '{"what": "melts"}'):
                crowd.all[0].peers.tell("health", said)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert route(crowd.all[1]).calm

    asyncio.run(scenario())
