"""Parked invocations as callers and reviewers meet them: joined, polled, decided once, and never delivered before."""

import asyncio

from tests.support.answers import WHOLE
from tests.support.carrying import FakeLine, Runtime
from tests.support.loops import until
from tests.support.snapshots import SECOND, invocation, snapshot

from orchvynt.decisions.reviews.cases import Voter
from orchvynt.language.snapshot import Escalation, Gate
from orchvynt.lifecycle.join_keys import place
from orchvynt.model.facts import ReviewDecided
from orchvynt.model.faults import Fault
from orchvynt.ports.store import ReviewRow
from orchvynt.runtime.folded import WHOLE_NS
from orchvynt.runtime.life import Life
from orchvynt.runtime.parked_one import ParkedOne


def gate(name: str = "g", escalation: tuple[Escalation, ...] = (), require_reason: bool = False) -> Gate:
    return Gate(name, "output", None, "people", require_reason, 20 * SECOND, escalation)


def parked(*gates: Gate, stream: bool = False) -> tuple[Runtime, Life, FakeLine]:
    """An invocation whose answer waits for a review; its caller is still held."""
    runtime = Runtime(snapshot(gates=gates or (gate(),)))
    life, line = runtime.ask(invocation(stream=stream))
    runtime.last.answers(WHOLE)
    assert life.state.phase == "in_review"
    assert line.ended == ""
    return runtime, life, line


def parked_alone(*gates: Gate) -> tuple[Runtime, ParkedOne]:
    """The same after its caller left: only the store has its state."""
    runtime, life, line = parked(*gates)
    line.leave()
    one = runtime.parked.invocation(life.id)
    assert one is not None
    assert one.life is None
    assert runtime.carrier.lives == {}
    return runtime, one


async def row_of(runtime: Runtime, review: str) -> ReviewRow:
    found = await runtime.store.review(review)
    assert found is not None
    return found


async def vote(runtime: Runtime, review: str, choice: str, by: str = "token:ana", reason: str = "looked") -> Fault | None:
    await row_of(runtime, review)
    assert choice in ("approve", "reject")
    return await runtime.voting.vote(review, "approve" if choice == "approve" else "reject", Voter(by), reason)


async def poll(runtime: Runtime, one: ParkedOne, wait_s: float = 0) -> FakeLine:
    line = FakeLine()
    runtime.reviewing.poll(one, line, "", wait_s)
    await until(lambda: line.ended != "", 2)
    return line


async def rejoin(runtime: Runtime, one: ParkedOne) -> FakeLine:
    line = FakeLine()
    runtime.reviewing.join(one, line, "")
    await until(lambda: line.ended != "", 2)
    return line


def test_an_approval_reaches_the_caller_that_waits() -> None:
    async def scenario() -> None:
        runtime, life, line = parked()
        assert await vote(runtime, life.state.review, "approve") is None
        assert (line.ended, line.status, line.body) == ("answered", 200, WHOLE)
        assert (await row_of(runtime, life.state.review)).status == "approved"
        assert runtime.carrier.lives == {}

    asyncio.run(scenario())


def test_sixteen_deciders_race_and_one_wins() -> None:
    async def scenario() -> None:
        runtime, one = parked_alone()
        votes = [vote(runtime, one.review, "reject" if number % 2 else "approve", f"token:{number}") for number in range(16)]
        faults = await asyncio.gather(*votes)
        assert sum(fault is None for fault in faults) == 1
        winner = (await row_of(runtime, one.review)).by
        assert all(fault is None or (fault.code == "conflict" and fault.detail["by"] == winner) for fault in faults)
        decided = [fact for frame in runtime.journal.frames for fact in frame if isinstance(fact, ReviewDecided)]
        assert len(decided) == 1

    asyncio.run(scenario())


def test_a_vote_without_the_reason_that_the_gate_wants_does_not_count() -> None:
    async def scenario() -> None:
        runtime, one = parked_alone(gate(require_reason=True))
        fault = await vote(runtime, one.review, "approve", reason=" ")
        assert fault is not None
        assert fault.code == "invalid_request"
        assert one.open

    asyncio.run(scenario())


def test_a_caller_that_comes_back_joins_and_is_answered_with_the_decision() -> None:
    async def scenario() -> None:
        runtime, one = parked_alone()
        line = FakeLine()
        runtime.reviewing.join(one, line, "req-2")
        await until(lambda: one.life is not None and bool(one.life.callers))
        assert await vote(runtime, one.review, "approve") is None
        assert (line.status, line.body, line.headers["x-request-id"]) == (200, WHOLE, "req-2")

    asyncio.run(scenario())


def test_a_decided_answer_is_the_same_however_often_it_is_read() -> None:
    async def scenario() -> None:
        runtime, one = parked_alone()
        assert await vote(runtime, one.review, "approve") is None
        before = runtime.journal.tags.count("answer_delivered")
        lines = [await poll(runtime, one) for _ in range(3)]
        joined = FakeLine()
        runtime.reviewing.join(one, joined, "")
        await until(lambda: joined.ended != "")
        assert {(line.status, line.body) for line in [*lines, joined]} == {(200, WHOLE)}
        assert runtime.journal.tags.count("answer_delivered") - before == 4, "each reading is on record"

    asyncio.run(scenario())


def test_a_rejected_answer_is_never_read() -> None:
    async def scenario() -> None:
        runtime, one = parked_alone()
        assert await vote(runtime, one.review, "reject") is None
        line = await poll(runtime, one)
        assert (line.status, line.code) == (403, "review_rejected")

    asyncio.run(scenario())


def test_a_poll_of_an_open_review_says_pending_and_one_that_waits_hears_the_decision() -> None:
    async def scenario() -> None:
        runtime, one = parked_alone()
        early = await poll(runtime, one)
        assert (early.status, early.code, early.headers["x-should-retry"]) == (409, "hitl_pending", "true")
        assert runtime.carrier.lives == {}, "a poll keeps nothing in memory"
        waiting = FakeLine()
        runtime.reviewing.poll(one, waiting, "", 30)
        await asyncio.sleep(0)
        assert await vote(runtime, one.review, "approve") is None
        await until(lambda: waiting.ended != "")
        assert waiting.body == WHOLE

    asyncio.run(scenario())


def test_two_gates_are_two_reviews_and_the_answer_waits_for_both() -> None:
    async def scenario() -> None:
        runtime, one = parked_alone(gate("first"), gate("second"))
        assert await vote(runtime, one.review, "approve") is None
        second = runtime.parked.invocation(one.inv)
        assert second is not None
        assert (second.review, second.open) == ("rev_1.2", True)
        assert (await poll(runtime, one)).status == 409
        assert await vote(runtime, second.review, "approve") is None
        assert (await poll(runtime, one)).body == WHOLE

    asyncio.run(scenario())


def test_an_escalation_rejects_what_nobody_decided() -> None:
    async def scenario() -> None:
        runtime, one = parked_alone(gate(escalation=(Escalation(60 * SECOND, ""),)))
        runtime.later(59 * SECOND)
        assert one.open
        runtime.later(2 * SECOND)
        await until(lambda: not one.open)
        assert (await row_of(runtime, one.review)).status == "expired"
        assert (await poll(runtime, one)).code == "review_expired"
        fault = await vote(runtime, one.review, "approve")
        assert fault is not None
        assert fault.code == "conflict"

    asyncio.run(scenario())


def test_another_process_takes_up_what_this_one_parked() -> None:
    async def scenario() -> None:
        first, one = parked_alone()
        second = Runtime(snapshot(gates=(gate(),)), store=first.store)
        again = ParkedOne(one.review, one.inv, one.gate, one.key_id, "", one.at, 0, "open")
        second.parked.add(again)
        line = FakeLine()
        second.reviewing.join(again, line, "")
        await until(lambda: again.life is not None and bool(again.life.callers))
        assert await vote(second, one.review, "approve") is None
        assert line.body == WHOLE

    asyncio.run(scenario())


def test_what_was_decided_a_while_ago_is_answered_the_same_after_it_was_folded() -> None:
    async def scenario() -> None:
        runtime, one = parked_alone()
        state = (await runtime.reviewing.read(one)).state
        request = place(state.invocation), invocation().ask.body
        assert await vote(runtime, one.review, "approve") is None
        told = await poll(runtime, one)
        for _ in range(2):
            runtime.clock.advance(WHOLE_NS)
            runtime.parked.fold(runtime.clock.now())
            assert runtime.parked.under_way(one.inv) is None
            joined = runtime.parked.joinable(*request, runtime.clock.now(), retried=False)
            assert joined is not None
            line = await rejoin(runtime, joined)
            runtime.parked.fold(runtime.clock.now())
            found = runtime.parked.invocation(one.inv)
            assert found is not None
            polled = await poll(runtime, found)
            assert (line.status, line.body) == (polled.status, polled.body) == (told.status, told.body) == (200, WHOLE)
            runtime.parked.fold(runtime.clock.now())
            late = await vote(runtime, one.review, "reject")
            assert late is not None
            assert (late.code, late.detail["by"], late.detail["status"]) == ("conflict", "token:ana", "approved")
        found = runtime.parked.review(one.review)
        assert found is not None
        assert found.claims == 2, "who came back is counted all along"

    asyncio.run(scenario())
