"""One idempotency key at several processes at once: one invocation, and one answer for all."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
from tests.support.answers import WHOLE
from tests.support.carrying import FakeLine
from tests.support.loops import until
from tests.support.snapshots import SECOND, invocation, snapshot
from tests.support.together import Fleet, Process, fleet

from orchvynt.decisions.reviews.cases import Voter
from orchvynt.dialects import registry
from orchvynt.language.snapshot import Gate
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Idempotency
from orchvynt.ports.caller import CallerLine
from orchvynt.runtime import answers
from orchvynt.runtime.deciding import Act
from orchvynt.runtime.repeating import Asked

WITHIN_S = 20.0
FOREVER = 1 << 62


class Desk:
    """Requests under keys, to any process."""

    def __init__(self, crowd: Fleet) -> None:
        self.crowd = crowd
        self.count = 0

    def sends(self, one: Process, key: str = "k", body: str = "b", stream: bool = False, until_ns: int = FOREVER) -> FakeLine:
        self.count += 1
        line = FakeLine()
        named = Idempotency(key, body)
        made = msgspec.structs.replace(invocation(stream=stream), id=f"inv_{self.count}", idempotency=named)

        def begin(tape: CallerLine) -> None:
            one.begin(made, tape)

        def refuse(fault: Fault) -> None:
            answers.answer_fault(line, fault, registry.caller("openai_chat").error(fault, ""), [])

        one.repeating.ask(Asked(named, made.id, line, f"r-{self.count}", begin, refuse, until_ns))
        return line

    @property
    def arrivals(self) -> int:
        return sum(len(one.upstream.arrivals) for one in self.crowd.all)

    async def arrived(self) -> Process:
        """The process at which the one invocation began."""
        await until(lambda: self.arrivals > 0, WITHIN_S)
        return next(one for one in self.crowd.all if one.upstream.arrivals)


def play(scenario: Callable[[Desk], Awaitable[None]], count: int = 3) -> None:
    async def run() -> None:
        async with fleet(snapshot(gates=()), count) as crowd:
            await scenario(Desk(crowd))

    asyncio.run(run())


def test_thirty_requests_at_three_processes_are_one_invocation() -> None:
    async def scenario(desk: Desk) -> None:
        lines = [desk.sends(desk.crowd.all[number % 3]) for number in range(30)]
        one = await desk.arrived()
        await asyncio.sleep(0)
        one.last.answers(WHOLE)
        await until(lambda: all(line.ended for line in lines), WITHIN_S)
        assert {(line.status, line.body) for line in lines} == {(200, WHOLE)}
        assert desk.arrivals == 1
        assert len({line.headers["x-orchvynt-invocation"] for line in lines}) == 1

    play(scenario)


def test_another_body_is_told_so_at_once_and_a_later_one_gets_what_was_kept() -> None:
    async def scenario(desk: Desk) -> None:
        first = desk.sends(desk.crowd.all[0])
        one = await desk.arrived()
        other = desk.sends(desk.crowd.all[1], body="other")
        await until(lambda: other.ended != "", WITHIN_S)
        assert (other.status, other.code) == (422, "idempotency_mismatch")
        assert first.ended == ""
        one.last.answers(WHOLE)
        again = desk.sends(desk.crowd.all[2])
        await until(lambda: again.ended != "", WITHIN_S)
        assert (again.body, first.body) == (WHOLE, WHOLE)
        assert desk.arrivals == 1

    play(scenario)


def test_what_failed_for_good_is_begun_anew_by_one_of_those_who_wait() -> None:
    async def scenario(desk: Desk) -> None:
        first = desk.sends(desk.crowd.all[0])
        one = await desk.arrived()
        lines = [desk.sends(desk.crowd.all[place]) for place in (1, 2, 1)]
        before = 0
        while not first.ended:
            for arrival in one.upstream.arrivals[before:]:
                before += 1
                arrival.answers(b"{}", 503)
            for _, woken in one.woken:
                woken()
            one.woken.clear()
        assert first.status == 503
        await until(lambda: desk.arrivals == before + 1, WITHIN_S)
        second = next(other for other in desk.crowd.all[1:] if other.upstream.arrivals)
        second.last.answers(WHOLE)
        await until(lambda: all(line.ended for line in lines), WITHIN_S)
        assert {line.body for line in lines} == {WHOLE}
        assert desk.arrivals == before + 1

    play(scenario)


def test_whoever_may_not_wait_longer_is_told_to_come_back() -> None:
    async def scenario(desk: Desk) -> None:
        desk.sends(desk.crowd.all[0])
        await desk.arrived()
        late = desk.sends(desk.crowd.all[1], until_ns=0)
        await until(lambda: late.ended != "", WITHIN_S)
        assert (late.status, late.code, late.headers["retry-after"]) == (503, "overloaded", "1")
        assert desk.arrivals == 1

    play(scenario)


def test_a_key_in_review_is_joined_from_another_process() -> None:
    async def run() -> None:
        gate = Gate("g", "output", None, "people", False, 20 * SECOND)
        async with fleet(snapshot(gates=(gate,)), 2) as crowd:
            desk = Desk(crowd)
            first = desk.sends(crowd.all[0])
            one = await desk.arrived()
            one.last.answers(WHOLE)
            await until(lambda: crowd.all[1].parked.open_count == 1, WITHIN_S)
            second = desk.sends(crowd.all[1])
            found = crowd.all[1].parked.oldest_open()
            assert found is not None
            await until(lambda: found.waiting == 1, WITHIN_S)
            assert await crowd.all[1].deciding.act(Act("vote", found.review, Voter("token:ana"), "approve", "looked")) is None
            await until(lambda: first.ended != "" and second.ended != "", WITHIN_S)
            assert (first.body, second.body) == (WHOLE, WHOLE)
            assert desk.arrivals == 1

    asyncio.run(run())


def test_a_key_that_its_caller_leaves_in_review_is_joined_before_anybody_was_told_of_the_review() -> None:
    """The key is free as soon as the store has the review; the index of who takes it next may not have heard of it."""

    async def run() -> None:
        gate = Gate("g", "output", None, "people", False, 20 * SECOND)
        async with fleet(snapshot(gates=(gate,)), 2) as crowd:
            desk = Desk(crowd)
            first = desk.sends(crowd.all[0])
            one = await desk.arrived()
            one.last.answers(WHOLE)
            first.leave()
            desk.sends(crowd.all[1])
            other = crowd.all[1].parked

            def joined() -> bool:
                found = other.oldest_open()
                return found is not None and found.waiting == 1

            await until(lambda: desk.arrivals > 1 or joined(), WITHIN_S)
            assert desk.arrivals == 1

    asyncio.run(run())
