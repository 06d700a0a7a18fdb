"""Rate limits of processes that share a store: counted over all of them, nothing leaks, and a store that is away stops nobody."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest
from tests.support.answers import WHOLE
from tests.support.carrying import BreakableStore, FakeLine, FakeUpstream, Runtime
from tests.support.clock import FakeClock
from tests.support.snapshots import SECOND, invocation, snapshot

from orchvynt.decisions.limits.turns import RateTurn
from orchvynt.language.snapshot import RateLimit, Snapshot
from orchvynt.model.invocation import Claims
from orchvynt.ports.rates import RateAnswer
from orchvynt.runtime.limiting_together import SharedLimiting
from orchvynt.runtime.rate_turns import AWAY_S

MINUTE = 60 * SECOND
CALLS = RateLimit("calls", "agent", None, MINUTE, invocations=6)
TOKENS = RateLimit("tokens", "agent", None, MINUTE, tokens=10_000)
AT_ONCE = RateLimit("at once", "agent", None, MINUTE, concurrent=2)
THREE = RateLimit("three", "agent", None, MINUTE, concurrent=3)
PROCESSES = 3
LEFT = ["invocation_received", "caller_left", "invocation_finished"]


def limited(*limits: RateLimit) -> Snapshot:
    return msgspec.structs.replace(snapshot(), rate_limits=limits)


class Machines:
    def __init__(self, policy: Snapshot) -> None:
        self.clock = FakeClock()
        self.store = BreakableStore(self.clock.now)
        self.upstream = FakeUpstream()
        self.all = [
            Runtime(policy, store=self.store, upstream=self.upstream, process=f"prc_{number}", clock=FakeClock(self.clock.now()))
            for number in range(PROCESSES)
        ]
        self.asked = self.answered = 0

    def ask(self, number: int, output: int | None = None, agent: str = "") -> FakeLine:
        made = invocation(claims=Claims(agent=agent))
        self.asked += 1
        asked = msgspec.structs.replace(made.ask, max_output_tokens=output)
        return self.all[number].ask(msgspec.structs.replace(made, id=f"inv_{self.asked}", ask=asked))[1]

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    async def answer_all(self) -> None:
        waiting, self.answered = self.upstream.arrivals[self.answered :], len(self.upstream.arrivals)
        for arrival in waiting:
            if not arrival.call.cancelled:
                arrival.answers(WHOLE)
        await self.settle()

    async def stands(self, limit: RateLimit, subject: str = "(none)") -> tuple[int, int, int]:
        """Invocations and tokens in whole ones, and how many run."""
        found = {name: bucket for _, name, bucket in await self.store.rate_buckets([limit])}
        if subject not in found:
            return (0, 0, 0)
        bucket = found[subject]
        return -(-bucket.calls // limit.window_ns), -(-bucket.tokens // limit.window_ns), bucket.running

    def limiting(self, number: int) -> SharedLimiting:
        limiting = self.all[number].carrier.limiting
        assert isinstance(limiting, SharedLimiting)
        return limiting


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(asyncio.ensure_future(test()), 60)

    asyncio.run(bounded())


def test_a_crowd_at_all_of_them_is_let_in_as_often_as_the_limit_says() -> None:
    async def test() -> None:
        machines = Machines(limited(CALLS))
        lines = [machines.ask(number % PROCESSES) for number in range(30)]
        await machines.settle()
        assert len(machines.upstream.arrivals) == 6
        await machines.answer_all()
        assert sorted(line.status for line in lines) == [200] * 6 + [429] * 24
        assert {line.headers["x-ratelimit-remaining-requests"] for line in lines if line.status == 429} == {"0"}
        assert sorted(line.headers["x-ratelimit-remaining-requests"] for line in lines if line.status == 200) == list("012345")
        assert await machines.stands(CALLS) == (6, 0, 0)
        machines.clock.advance(10 * SECOND)
        late = machines.ask(1)
        await machines.settle()
        await machines.answer_all()
        assert late.status == 200, "one has leaked"

    run(test)


def test_what_was_estimated_and_not_used_is_given_back_to_all() -> None:
    async def test() -> None:
        machines = Machines(limited(TOKENS))
        first = machines.ask(0, output=9_000)
        await machines.settle()
        second = machines.ask(1, output=9_000)
        await machines.settle()
        assert (second.status, second.code) == (429, "rate_limited")
        await machines.answer_all()
        assert first.status == 200
        assert await machines.stands(TOKENS) == (0, 10, 0)
        third = machines.ask(2, output=9_000)
        await machines.settle()
        await machines.answer_all()
        assert third.status == 200

    run(test)


def test_what_runs_is_counted_over_all_until_it_ends() -> None:
    async def test() -> None:
        machines = Machines(limited(AT_ONCE, CALLS))
        lines = [machines.ask(number) for number in range(PROCESSES)]
        await machines.settle()
        assert [line.status for line in lines].count(429) == 1
        assert (await machines.stands(AT_ONCE))[2] == 2
        await machines.answer_all()
        assert (await machines.stands(AT_ONCE))[2] == 0
        again = [machines.ask(2), machines.ask(2)]
        await machines.settle()
        await machines.answer_all()
        assert [line.status for line in again] == [200, 200]

    run(test)


def test_whoever_leaves_while_the_store_is_asked_leaves_nothing_behind() -> None:
    async def test() -> None:
        machines = Machines(limited(AT_ONCE))
        line = machines.ask(0)
        line.leave()
        await machines.settle()
        await machines.answer_all()
        assert await machines.stands(AT_ONCE) == (0, 0, 0)
        assert machines.limiting(0).limiter.standing([AT_ONCE], machines.all[0].instants.monotonic()) == []
        assert machines.all[0].journal.tags == LEFT
        assert machines.upstream.arrivals == []
        assert machines.limiting(0).alone == 0, "it was not let in, by nobody"

    run(test)


@pytest.mark.parametrize("limits", [(CALLS,), (TOKENS,), (CALLS, TOKENS, THREE)])
def test_what_the_store_charged_for_whoever_left_meanwhile_is_given_back(limits: tuple[RateLimit, ...]) -> None:
    """It leaves in the moment in which the store says that it may come in, or before that."""

    async def test() -> None:
        machines = Machines(limited(*limits))
        first, second, stays = (machines.ask(0, output=100) for _ in range(3))
        first.leave()
        machines.all[0].turn = []
        await machines.settle()
        assert (await machines.stands(limits[0])) != (0, 0, 0)
        second.leave()
        machines.all[0].end_turn()
        await machines.settle()
        assert len(machines.upstream.arrivals) == 1
        await machines.answer_all()
        assert stays.status == 200
        alone = Machines(limited(*limits))
        assert alone.ask(0, output=100).ended == ""
        await alone.settle()
        await alone.answer_all()
        for limit in limits:
            (_, tokens, running), (_, expected, none) = await machines.stands(limit), await alone.stands(limit)
            assert (tokens, running) == (expected, none)
        assert machines.limiting(0).alone == 0

    run(test)


def test_what_an_earlier_life_of_a_process_had_running_runs_no_longer() -> None:
    async def test() -> None:
        machines = Machines(limited(AT_ONCE))
        killed = [machines.ask(0), machines.ask(0)]
        await machines.settle()
        assert (await machines.stands(AT_ONCE))[2] == len(killed)
        again = Runtime(limited(AT_ONCE), store=machines.store, upstream=machines.upstream, process="prc_0", clock=machines.clock)
        limiting = again.carrier.limiting
        assert isinstance(limiting, SharedLimiting)
        await limiting.begin()
        assert (await machines.stands(AT_ONCE))[2] == 0

    run(test)


def test_while_the_store_is_away_each_counts_by_itself_and_then_together_again() -> None:
    async def test() -> None:
        machines = Machines(limited(AT_ONCE))
        before = machines.ask(0)
        await machines.settle()
        machines.store.away = True
        alone = [machines.ask(0) for _ in range(3)]
        await machines.settle()
        assert [line.status for line in alone].count(429) == 1, "the limit holds in each process"
        assert "the disk is away" in machines.limiting(0).turns.problem
        assert machines.limiting(0).alone == 3, "it is counted, not silent"
        await machines.answer_all()
        assert before.status == 200
        machines.store.away = False
        machines.all[0].later(int(AWAY_S * SECOND))
        together = [machines.ask(0), machines.ask(1), machines.ask(2)]
        await machines.settle()
        assert [line.status for line in together].count(429) == 1
        assert machines.limiting(0).turns.problem == ""
        await machines.answer_all()
        assert await machines.stands(AT_ONCE) == (0, 0, 0), "what ran before the outage is no longer counted"

    run(test)


class Defective(BreakableStore):
    async def take_rate_turn(self, process: str, turn: RateTurn) -> RateAnswer:
        raise OverflowError("a subject that no database holds")


def test_a_question_that_cannot_be_asked_holds_nobody_up_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    async def test() -> None:
        machines = Machines(limited(AT_ONCE))
        machines.all[0] = Runtime(
            limited(AT_ONCE), store=Defective(machines.clock.now), upstream=machines.upstream, process="prc_0", clock=machines.clock
        )
        lines = [machines.ask(0) for _ in range(3)]
        await machines.settle()
        await machines.answer_all()
        assert sorted(line.status for line in lines) == [200, 200, 429]
        assert machines.limiting(0).alone == 3

    run(test)
    assert "a subject that no database holds" in capsys.readouterr().err
