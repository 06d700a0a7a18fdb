"""What goes wrong around a review: a journal that cannot be written, a store that is away, a policy that is gone, and bad timing."""

import asyncio

import msgspec
import pytest
from tests.runtime.test_reviewing import gate, parked, parked_alone, poll, row_of, vote
from tests.support.answers import WHOLE
from tests.support.carrying import FakeLine, Runtime
from tests.support.loops import until
from tests.support.snapshots import SECOND, invocation, snapshot

from orchvynt.decisions.identity.conversations import Conversation, Conversations
from orchvynt.decisions.reviews.cases import Voter
from orchvynt.language.snapshot import Escalation
from orchvynt.lifecycle.state import State, decode


def test_a_rejection_that_cannot_be_recorded_did_not_happen() -> None:
    """Invariant 3: no effect without its fact. What is rejected here is delivered once the journal works again."""

    async def scenario() -> None:
        runtime, one = parked_alone()
        runtime.journal.broken = True
        await vote(runtime, one.review, "reject")
        runtime.journal.broken = False
        assert (await row_of(runtime, one.review)).status == "open"
        assert one.open, "the store says open, so must the index"
        assert (await poll(runtime, one)).status == 409
        assert await vote(runtime, one.review, "reject") is None

    asyncio.run(scenario())


def test_an_expiry_that_cannot_be_recorded_did_not_happen() -> None:
    async def scenario() -> None:
        runtime, one = parked_alone(gate(escalation=(Escalation(60 * SECOND, ""),)))
        runtime.journal.broken = True
        runtime.later(61 * SECOND)
        await asyncio.sleep(0.01)
        runtime.journal.broken = False
        assert (await poll(runtime, one)).status in (403, 409)

    asyncio.run(scenario())


def test_a_caller_that_joins_while_the_first_gate_opens_still_waits_for_the_second() -> None:
    """Invariant: an answer is delivered only when no gate is open or matched any more."""

    async def scenario() -> None:
        runtime, one = parked_alone(gate("first"), gate("second"))
        deciding = asyncio.create_task(runtime.voting.vote(one.review, "approve", Voter("token:ana"), ""))
        line = FakeLine()
        runtime.reviewing.join(one, line, "")
        assert await deciding is None
        await asyncio.sleep(0.01)
        assert line.body == b"", "the answer went out before the second gate was asked"

    asyncio.run(scenario())


def test_a_poll_while_the_first_gate_opens_still_waits_for_the_second() -> None:
    async def scenario() -> None:
        runtime, one = parked_alone(gate("first"), gate("second"))
        deciding = asyncio.create_task(runtime.voting.vote(one.review, "approve", Voter("token:ana"), ""))
        line = await poll(runtime, one)
        assert await deciding is None
        assert line.status == 409, "the answer went out before the second gate was asked"

    asyncio.run(scenario())


@pytest.mark.parametrize("others", ["a caller", "a voter"])
def test_what_could_not_be_written_spoils_nothing_for_those_who_waited_for_the_same_reading(others: str) -> None:
    async def scenario() -> None:
        runtime, one = parked_alone()
        runtime.journal.broken = True
        deciding = asyncio.create_task(vote(runtime, one.review, "approve"))
        line = FakeLine()
        if others == "a caller":
            runtime.reviewing.join(one, line, "")
        else:
            also = asyncio.create_task(vote(runtime, one.review, "reject", "token:ben"))
            fault = await also
            assert fault is not None
            assert fault.code == "store_unavailable"
        assert await deciding is not None
        await asyncio.sleep(0.01)
        runtime.journal.broken = False
        line = FakeLine()
        runtime.reviewing.join(one, line, "")
        await asyncio.sleep(0.01)
        assert (one.open, line.ended) == (True, ""), "it waits as before"
        assert await vote(runtime, one.review, "approve") is None
        assert (line.status, line.body) == (200, WHOLE)

    asyncio.run(scenario())


def test_a_decision_on_record_stands_whatever_fails_after_it() -> None:
    async def scenario() -> None:
        runtime, life, line = parked()
        # Who may keep less than nothing stumbles over the first that is to be kept, as any defect in what follows the record might.
        life.conversation = Conversation(Conversations(0, kept_in_all=-1), "", 0, "")
        review = life.state.review
        await vote(runtime, review, "approve")
        assert line.status == 500
        late = await vote(runtime, review, "reject", "token:ben")
        assert late is not None
        assert late.detail["by"] == "token:ana"
        one = runtime.parked.review(review)
        assert one is not None
        again = await poll(runtime, one)
        assert (one.status, again.status, again.body) == ("approved", 200, WHOLE)

    asyncio.run(scenario())


def test_an_escalation_is_tried_again_when_the_store_was_away() -> None:
    async def scenario() -> None:
        runtime, one = parked_alone(gate(escalation=(Escalation(60 * SECOND, ""),)))
        runtime.store.away = True
        runtime.later(61 * SECOND)
        await asyncio.sleep(0.01)
        runtime.store.away = False
        runtime.later(10 * SECOND)
        await until(lambda: not one.open, 0.2)

    asyncio.run(scenario())


@pytest.mark.parametrize("way", ["join", "poll"])
def test_a_caller_is_told_when_the_store_is_away(way: str) -> None:
    async def scenario() -> None:
        runtime, one = parked_alone()
        runtime.store.away = True
        line = FakeLine()
        if way == "join":
            runtime.reviewing.join(one, line, "")
        else:
            runtime.reviewing.poll(one, line, "", 0)
        await until(lambda: line.ended != "", 0.2)
        assert (line.status, line.code) == (503, "store_unavailable")

    asyncio.run(scenario())


def test_a_caller_is_told_when_the_policy_of_its_invocation_is_gone() -> None:
    async def scenario() -> None:
        first, one = parked_alone()
        runtime = Runtime(msgspec.structs.replace(snapshot(), version=2), store=first.store)
        line = FakeLine()
        runtime.reviewing.join(one, line, "")
        await until(lambda: line.ended != "", 0.2)
        assert (line.status, line.code) == (503, "store_unavailable")

    asyncio.run(scenario())


def test_a_decided_answer_is_refused_while_its_delivery_cannot_be_recorded() -> None:
    async def scenario() -> None:
        runtime, one = parked_alone()
        assert await vote(runtime, one.review, "approve") is None
        runtime.journal.broken = True
        line = FakeLine()
        runtime.reviewing.poll(one, line, "", 0)
        await until(lambda: line.ended != "", 0.2)
        assert (line.status, line.code) == (503, "store_unavailable")

    asyncio.run(scenario())


def test_a_caller_that_left_while_nothing_could_be_recorded_joins_when_it_comes_back() -> None:
    """Else it pays for the same answer twice, and two reviews are open for one question."""

    async def scenario() -> None:
        runtime, _life, line = parked()
        runtime.journal.broken = True
        line.leave()
        runtime.journal.broken = False
        assert runtime.carrier.parking.joinable(State(invocation())) is not None

    asyncio.run(scenario())


def test_a_decision_after_more_than_a_day_can_still_be_read() -> None:
    async def scenario() -> None:
        runtime, one = parked_alone()
        runtime.clock.advance(60 * 3_600 * SECOND)
        assert await vote(runtime, one.review, "approve") is None
        runtime.parked.forget(runtime.clock.now())
        assert runtime.parked.invocation(one.inv) is not None, "the caller polls, and its answer is a 404"

    asyncio.run(scenario())


def test_the_request_is_not_stored_with_a_decision() -> None:
    async def scenario() -> None:
        runtime, life, _ = parked()
        assert await vote(runtime, life.state.review, "approve") is None
        stored = await runtime.store.review_state(life.state.review)
        assert stored is not None
        assert decode(stored).invocation.ask.body == b""

    asyncio.run(scenario())


def test_an_approval_that_nobody_waits_for_is_not_on_record_as_delivered() -> None:
    """The same life kept in memory records no delivery (tests/lifecycle/test_lives.py); taken up from the store it does."""

    async def scenario() -> None:
        runtime, one = parked_alone()
        assert await vote(runtime, one.review, "approve") is None
        assert "answer_delivered" not in runtime.journal.tags

    asyncio.run(scenario())
