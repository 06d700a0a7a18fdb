"""Calls that are parked before their send, in a whole runtime: granted, joined, polled, and what goes wrong on the way."""

import asyncio

import msgspec
from tests.runtime.test_reviewing import poll, row_of
from tests.support.answers import WHOLE, refused
from tests.support.carrying import FakeLine, Runtime
from tests.support.loops import until
from tests.support.snapshots import SECOND, invocation, snapshot

from orchvynt.decisions.reviews.cases import Voter
from orchvynt.language.snapshot import Breach, Budget, Limits, Snapshot
from orchvynt.lifecycle.state import State
from orchvynt.model.facts import ReviewDecided
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Idempotency
from orchvynt.runtime.parked_one import JOINABLE_NS, ParkedOne
from orchvynt.runtime.recovery import Recovered, recover

PURSE = Budget("purse", "global", None, "day", Limits(tokens=10), breach=Breach("review", reviewers="leads", grants=(500, 5_000)))
DAY = 86_400 * SECOND


def policy(*budgets: Budget) -> Snapshot:
    return snapshot(budgets=budgets or (PURSE,), tiers=("gpt",))


def parked(*budgets: Budget, stream: bool = False) -> tuple[Runtime, ParkedOne, FakeLine]:
    runtime = Runtime(policy(*budgets))
    life, line = runtime.ask(invocation(stream=stream))
    assert life.state.phase == "request_in_review"
    assert runtime.upstream.arrivals == []
    one = runtime.parked.invocation(life.id)
    assert one is not None
    return runtime, one, line


async def approve(runtime: Runtime, one: ParkedOne, amount: str | None = "500") -> Fault | None:
    return await runtime.voting.vote(one.review, "approve", Voter("token:ana"), "", amount=amount)


async def restarted(left: Runtime) -> tuple[Runtime, Recovered]:
    """Another process over the same store; the first one is gone without a word."""
    later = Runtime(policy(), store=left.store)
    later.clock.advance(left.clock.monotonic() + SECOND)
    return later, await recover(later.store, later.journal, later.ledger, later.parked, later.clock, policy())


def test_a_held_caller_gets_the_answer_that_an_approval_let_through() -> None:
    async def scenario() -> None:
        runtime, one, line = parked()
        assert isinstance(await approve(runtime, one, None), Fault)
        assert isinstance(await approve(runtime, one, "7"), Fault)
        assert one.open
        assert await approve(runtime, one) is None
        assert (one.status, one.under_way) == ("approved", True)
        runtime.last.answers(WHOLE)
        assert (line.status, line.body) == (200, WHOLE)
        assert not one.under_way
        assert runtime.carrier.lives == {}
        assert len(runtime.upstream.arrivals) == 1

    asyncio.run(scenario())


def test_who_joins_or_polls_while_it_is_under_way_waits_for_the_answer() -> None:
    async def scenario() -> None:
        runtime, one, line = parked()
        line.leave()
        assert runtime.carrier.lives == {}, "a parked call that nobody waits for needs no memory"
        assert await approve(runtime, one) is None
        assert (await poll(runtime, one)).status == 409
        joined, polled = FakeLine(), FakeLine()
        runtime.reviewing.join(one, joined, "")
        runtime.reviewing.poll(one, polled, "", 20)
        await asyncio.sleep(0.01)
        assert (joined.ended, polled.ended) == ("", "")
        runtime.last.answers(WHOLE)
        await until(lambda: bool(joined.ended and polled.ended), 5)
        assert (joined.body, polled.body) == (WHOLE, WHOLE)
        again = FakeLine()
        runtime.reviewing.join(one, again, "")
        await until(lambda: again.ended != "", 5)
        assert again.body == WHOLE
        assert "answer_delivered" in runtime.journal.tags

    asyncio.run(scenario())


def test_who_joined_may_leave_and_be_told_to_come_back_while_it_is_under_way() -> None:
    async def scenario() -> None:
        runtime, one, line = parked()
        assert await approve(runtime, one) is None
        joined = FakeLine()
        runtime.reviewing.join(one, joined, "")
        await asyncio.sleep(0.01)
        line.leave()
        joined.leave()
        assert not runtime.last.call.cancelled
        late = FakeLine()
        runtime.reviewing.join(one, late, "")
        await asyncio.sleep(0.01)
        assert late.ended == ""
        runtime.last.answers(WHOLE)
        assert late.body == WHOLE

    asyncio.run(scenario())


def test_an_approval_that_cannot_be_recorded_did_not_happen() -> None:
    async def scenario() -> None:
        runtime, one, line = parked()
        line.leave()
        runtime.journal.broken = True
        fault = await approve(runtime, one)
        assert fault is not None
        assert fault.code == "store_unavailable"
        assert runtime.upstream.arrivals == []
        assert not runtime.ledger.grants
        runtime.journal.broken = False
        runtime.carrier.kept.write()
        assert (await row_of(runtime, one.review)).status == "open"
        assert one.open
        assert await approve(runtime, one) is None
        assert len(runtime.upstream.arrivals) == 1

    asyncio.run(scenario())


def test_an_answer_that_cannot_be_recorded_is_told_so_for_who_comes_back() -> None:
    async def scenario() -> None:
        runtime, one, line = parked()
        line.leave()
        assert await approve(runtime, one) is None
        runtime.journal.broken = True
        runtime.last.answers(WHOLE)
        assert not one.under_way
        assert (await poll(runtime, one)).status == 409, "not on record yet"
        runtime.journal.broken = False
        runtime.carrier.kept.write()
        told = await poll(runtime, one)
        assert (told.status, told.code) == (503, "store_unavailable")
        assert runtime.held_tokens == 0

    asyncio.run(scenario())


def test_a_failure_that_a_retry_may_mend_is_not_joined() -> None:
    async def scenario() -> None:
        runtime, one, line = parked()
        line.leave()
        assert await approve(runtime, one) is None
        for _ in range(3):
            runtime.last.answers(refused(), 500)
            if runtime.woken:
                runtime.woken.pop()[1]()
        assert not one.under_way
        told = await poll(runtime, one)
        assert (told.status, told.code) == (503, "all_providers_failed")
        asked = State(invocation())
        assert runtime.carrier.parking.joinable(asked) is None
        later, _ = await restarted(runtime)
        assert later.carrier.parking.joinable(asked) is None
        found = later.parked.invocation(one.inv)
        assert found is not None
        assert (await poll(later, found)).body == told.body

    asyncio.run(scenario())


def test_what_a_crash_cut_off_has_a_last_word() -> None:
    async def scenario() -> None:
        runtime, one, line = parked()
        line.leave()
        assert await approve(runtime, one) is None
        later, found = await restarted(runtime)
        assert (found.settled_at_bound, found.interrupted) == (1, 1)
        kept = later.parked.invocation(one.inv)
        assert kept is not None
        assert not kept.open
        told = [await poll(later, kept) for _ in range(2)]
        assert {(line.status, line.code) for line in told} == {(503, "all_providers_failed")}
        assert "outcome is unknown" in told[0].body.decode()
        assert later.ledger.grants.find(one.review) is not None
        again, second = await restarted(later)
        assert second.interrupted == 0
        assert again.ledger.grants.find(one.review) is not None

    asyncio.run(scenario())


def test_a_crash_between_the_approval_and_the_send_says_that_nothing_was_sent() -> None:
    async def scenario() -> None:
        runtime, one, line = parked()
        line.leave()
        assert await approve(runtime, one) is None
        crashed = Runtime(policy())
        for frame in runtime.journal.frames:
            crashed.journal.append(frame)
            if any(isinstance(fact, ReviewDecided) for fact in frame):
                break
        later, found = await restarted(crashed)
        assert (found.settled_at_bound, found.voided, found.interrupted) == (0, 0, 1)
        kept = later.parked.invocation(one.inv)
        assert kept is not None
        told = await poll(later, kept)
        assert (told.status, "Nothing had been sent" in told.body.decode()) == (503, True)
        assert later.upstream.arrivals == []
        assert later.ledger.grants.find(one.review) is not None

    asyncio.run(scenario())


def test_a_parked_call_goes_on_in_another_process_under_its_own_snapshot() -> None:
    async def scenario() -> None:
        runtime, one, _ = parked()
        later, found = await restarted(runtime)
        assert found.reviews_open == 1
        kept = later.parked.invocation(one.inv)
        assert kept is not None
        later.clock.advance(2 * DAY)
        assert await approve(later, kept) is None
        (given,) = await later.store.grants()
        assert given.window <= later.clock.now() < given.until, "the window in force, not the one it was parked in"
        later.last.answers(WHOLE)
        assert (await poll(later, kept)).body == WHOLE

    asyncio.run(scenario())


def test_an_idempotency_key_waits_and_is_answered() -> None:
    async def scenario() -> None:
        runtime = Runtime(policy())
        made = msgspec.structs.replace(invocation(), idempotency=Idempotency("scope", "request"))
        life, line = runtime.ask(made)
        one = runtime.parked.keyed("scope", runtime.clock.now())
        assert one is not None
        assert await approve(runtime, one) is None
        runtime.last.answers(WHOLE)
        assert line.body == WHOLE
        assert life.state.phase == "done"
        runtime.clock.advance(JOINABLE_NS)
        assert runtime.parked.keyed("scope", runtime.clock.now()) is None

    asyncio.run(scenario())


def test_whom_people_let_through_stands_behind_nobody() -> None:
    async def scenario() -> None:
        plain = Budget("plain", "global", None, "day", Limits(tokens=120))
        asking = Budget("purse", "agent", None, "day", Limits(tokens=10), breach=PURSE.breach)
        runtime = Runtime(policy(plain, asking))
        first, line = runtime.ask(invocation())
        assert first.state.phase == "request_in_review"
        line.leave()
        one = runtime.parked.invocation(first.id)
        assert one is not None
        assert await approve(runtime, one, "5000") is None
        assert len(runtime.upstream.arrivals) == 1

    asyncio.run(scenario())
