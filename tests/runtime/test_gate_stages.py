"""Gates before the send and after the delivery in a whole runtime: joined, judged again, cut off, kept for reviewers, and recovered."""

import asyncio
from typing import Any

import msgspec
from tests.runtime.test_reviewing import poll, row_of, vote
from tests.support.answers import DONE, STREAM, WHOLE, chunk
from tests.support.carrying import FakeLine, Runtime
from tests.support.lives import condition
from tests.support.loops import until
from tests.support.snapshots import SECOND, invocation, snapshot

from orchvynt.language.snapshot import Breach, Budget, Escalation, Gate, Limits, Snapshot
from orchvynt.lifecycle.rescue import RESCUED_BYTES_MAX
from orchvynt.lifecycle.state import decode
from orchvynt.model.facts import ReviewDecided
from orchvynt.model.invocation import Idempotency
from orchvynt.runtime.parked_one import ParkedOne
from orchvynt.runtime.recovery import recover

INPUT = Gate("look", "input", None, "people", False, None)
LATER = Gate("later", "output", condition("output.tokens > 0"), "people", False, None, after_delivery=True)
PURSE = Budget("purse", "global", None, "day", Limits(tokens=10), breach=Breach("review", reviewers="people", grants=(500,)))


def parked(*gates: Gate, budgets: tuple[Budget, ...] = (), **asked: Any) -> tuple[Runtime, ParkedOne, FakeLine]:
    runtime = Runtime(snapshot(gates=gates or (INPUT,), budgets=budgets, tiers=("gpt",)))
    life, line = runtime.ask(msgspec.structs.replace(invocation(), **asked))
    assert (life.state.phase, runtime.upstream.arrivals) == ("request_in_review", [])
    one = runtime.parked.invocation(life.id)
    assert one is not None
    return runtime, one, line


async def restarted(left: Runtime, policy: Snapshot) -> Runtime:
    later = Runtime(policy, store=left.store)
    later.clock.advance(left.clock.monotonic() + SECOND)
    await recover(later.store, later.journal, later.ledger, later.parked, later.clock, policy)
    return later


def test_a_held_caller_gets_the_answer_and_whoever_joins_or_polls_too() -> None:
    async def scenario() -> None:
        runtime, one, line = parked()
        polled = FakeLine()
        runtime.reviewing.poll(one, polled, "", 20)
        assert await vote(runtime, one.review, "approve") is None
        joined = FakeLine()
        runtime.reviewing.join(one, joined, "")
        await asyncio.sleep(0.01)
        assert (line.ended, joined.ended, polled.ended) == ("", "", "")
        runtime.last.answers(WHOLE)
        await until(lambda: bool(joined.ended and polled.ended), 5)
        assert (line.body, joined.body, polled.body) == (WHOLE, WHOLE, WHOLE)
        assert len(runtime.upstream.arrivals) == 1
        late = await vote(runtime, one.review, "reject")
        assert late is not None
        assert late.code == "conflict"

    asyncio.run(scenario())


def test_an_idempotency_key_finds_it() -> None:
    async def scenario() -> None:
        runtime, one, line = parked(idempotency=Idempotency("scope", "request"))
        assert runtime.parked.keyed("scope", runtime.clock.now()) is one
        assert await vote(runtime, one.review, "approve") is None
        runtime.last.answers(WHOLE)
        assert line.body == WHOLE

    asyncio.run(scenario())


def test_budgets_hold_after_the_gate_and_may_ask_people_in_their_turn() -> None:
    async def scenario() -> None:
        runtime, one, line = parked(budgets=(PURSE,))
        assert await vote(runtime, one.review, "approve") is None
        second = runtime.parked.invocation(one.inv)
        assert second is not None
        assert (one.status, second.gate, runtime.upstream.arrivals) == ("approved", "budget purse", [])
        assert await vote(runtime, second.review, "approve") is None
        runtime.last.answers(WHOLE)
        assert line.body == WHOLE

    asyncio.run(scenario())


def test_an_approval_that_cannot_be_recorded_did_not_happen() -> None:
    async def scenario() -> None:
        runtime, one, line = parked()
        line.leave()
        runtime.journal.broken = True
        fault = await vote(runtime, one.review, "approve")
        assert fault is not None
        assert (fault.code, runtime.upstream.arrivals) == ("store_unavailable", [])
        runtime.journal.broken = False
        assert await vote(runtime, one.review, "approve") is None
        assert len(runtime.upstream.arrivals) == 1

    asyncio.run(scenario())


def test_a_crash_after_the_approval_has_a_last_word_and_before_it_nothing_is_lost() -> None:
    async def scenario() -> None:
        runtime, one, line = parked()
        policy = runtime.policies.current
        line.leave()
        before = await restarted(runtime, policy)
        assert before.parked.waits(one.inv)
        assert await vote(runtime, one.review, "approve") is None
        crashed = Runtime(policy)
        for frame in runtime.journal.frames:
            crashed.journal.append(frame)
            if any(isinstance(fact, ReviewDecided) for fact in frame):
                break
        for left, sent in ((crashed, False), (runtime, True)):
            later = await restarted(left, policy)
            kept = later.parked.invocation(one.inv)
            assert kept is not None
            told = [await poll(later, kept) for _ in range(2)]
            assert {(one.status, one.code) for one in told} == {(503, "all_providers_failed")}
            assert ("Nothing had been sent" in told[0].body.decode()) == (not sent)
            assert later.upstream.arrivals == []

    asyncio.run(scenario())


def test_it_is_judged_again_under_the_policy_in_force_and_routed_under_its_own() -> None:
    async def scenario() -> None:
        runtime, one, line = parked()
        row = runtime.policies.row
        new = msgspec.structs.replace(INPUT, name="new", wait_up_to_ns=3 * SECOND, escalation=(Escalation(9 * SECOND, ""),))
        today = msgspec.structs.replace(snapshot(gates=(new,), tiers=("claude",)), version=2)
        runtime.policies.put_in_force(today, row)
        assert await vote(runtime, one.review, "approve") is None
        second = runtime.parked.invocation(one.inv)
        assert second is not None
        assert (second.gate, second.open, runtime.upstream.arrivals) == ("new", True, [])
        runtime.later(4 * SECOND)
        assert line.code == "hitl_pending", "held as long as the later policy's gate says"
        assert await vote(runtime, second.review, "approve") is None
        assert runtime.last.path == "/v1/chat/completions", "asked where its own policy routes it"
        runtime.last.answers(WHOLE)
        assert (await poll(runtime, second)).body == WHOLE

    asyncio.run(scenario())


def test_what_was_delivered_is_reviewed_without_anybody_waiting() -> None:
    async def scenario() -> None:
        runtime = Runtime(snapshot(gates=(LATER, msgspec.structs.replace(LATER, name="second", escalation=(Escalation(SECOND, ""),)))))
        life, line = runtime.ask(invocation())
        runtime.last.answers(WHOLE)
        assert (line.body, runtime.carrier.lives, life.state.phase) == (WHOLE, {}, "done")
        assert runtime.parked.open_by_gate == {"later": 1, "second": 1}
        assert runtime.parked.invocation(life.id) is None, "nothing joins or polls it"
        runtime.later(2 * SECOND)
        await until(lambda: runtime.parked.open_count == 1, 5)
        assert (await row_of(runtime, "rev_1.2")).status == "expired"
        later = await restarted(runtime, runtime.policies.current)
        assert later.parked.open_by_gate == {"later": 1}
        assert later.parked.invocation(life.id) is None
        assert await vote(later, "rev_1.1", "reject") is None
        late = await vote(later, "rev_1.1", "approve")
        assert late is not None
        assert ("token:ana" in late.message, later.carrier.lives, later.upstream.arrivals) == (True, {}, [])
        assert (await row_of(later, "rev_1.1")).status == "rejected"

    asyncio.run(scenario())


def test_racing_votes_on_what_was_delivered_decide_it_once() -> None:
    async def scenario() -> None:
        runtime = Runtime(snapshot(gates=(LATER,)))
        runtime.ask(invocation())
        runtime.last.answers(WHOLE)
        told = await asyncio.gather(*(vote(runtime, "rev_1.1", choice) for choice in ("approve", "reject") * 8))
        assert sum(fault is None for fault in told) == 1
        assert runtime.journal.tags.count("review_decided") == 1

    asyncio.run(scenario())


def test_a_stream_that_flows_is_kept_for_its_reviewers_up_to_a_bound() -> None:
    async def scenario() -> None:
        for frames, kept in ((STREAM, "hey"), ((chunk("x" * (RESCUED_BYTES_MAX + 1)), *STREAM[1:]), None)):
            runtime = Runtime(snapshot(gates=(LATER,), tiers=()))
            _, line = runtime.ask(invocation(stream=True))
            runtime.last.begins()
            runtime.last.streams(frames[0])
            assert line.body, "it flows as it arrives"
            runtime.last.streams(*frames[1:])
            assert (line.ended, line.body.endswith(DONE)) == ("ended", True)
            state = decode(await runtime.store.review_state("rev_1.1") or b"")
            assert (state.reply.text if state.reply is not None else None) == kept

    asyncio.run(scenario())
