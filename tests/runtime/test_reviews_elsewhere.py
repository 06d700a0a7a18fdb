"""Reviews over several processes: parked at one, decided, joined and read at any; exactly one decision, and one answer."""

import asyncio
from typing import Literal

import pytest
from tests.support.answers import WHOLE
from tests.support.carrying import FakeLine
from tests.support.loops import until
from tests.support.snapshots import SECOND, invocation, snapshot
from tests.support.together import Fleet, Process, fleet

from orchvynt.decisions.reviews.cases import Voter
from orchvynt.language.snapshot import Gate
from orchvynt.model.facts import Choice, ReviewDecided
from orchvynt.model.faults import Fault
from orchvynt.ports.store import StoreUnavailableError
from orchvynt.runtime.deciding import Act
from orchvynt.runtime.parked_one import ParkedOne

WITHIN_S = 20.0
POLICY = snapshot(gates=(Gate("g", "output", None, "people", False, 20 * SECOND),))


def parks(one: Process, inv: str = "inv_1") -> FakeLine:
    """An invocation at this process, whose caller is held for its review."""
    line = FakeLine()
    made = invocation()
    one.ask(type(made)(**{name: getattr(made, name) for name in made.__struct_fields__} | {"id": inv}), line)
    one.last.answers(WHOLE)
    assert line.ended == ""
    return line


async def known(one: Process, inv: str = "inv_1") -> ParkedOne:
    await until(lambda: one.parked.invocation(inv) is not None, WITHIN_S)
    found = one.parked.invocation(inv)
    assert found is not None
    return found


async def votes(one: Process, review: str, choice: Choice = "approve", by: str = "token:ana") -> Fault | None:
    return await one.deciding.act(Act("vote", review, Voter(by), choice, "looked"))


def decisions(crowd: Fleet) -> list[ReviewDecided]:
    return [fact for one in crowd.all for frame in one.journal.frames for fact in frame if isinstance(fact, ReviewDecided)]


def test_a_vote_at_another_process_answers_the_caller_that_is_held() -> None:
    async def scenario() -> None:
        async with fleet(POLICY, 3) as crowd:
            line = parks(crowd.all[0])
            found = await known(crowd.all[2])
            assert found.elsewhere == "prc_0"
            assert await votes(crowd.all[2], found.review) is None
            assert (line.ended, line.status, line.body) == ("answered", 200, WHOLE)
            for one in crowd.all:
                there = await known(one)
                await until(lambda there=there: not there.open, WITHIN_S)  # type: ignore[misc]
                assert (there.status, there.by) == ("approved", "token:ana")
            assert len(decisions(crowd)) == 1

    asyncio.run(scenario())


def test_many_deciders_at_three_processes_race_and_one_wins() -> None:
    async def scenario() -> None:
        async with fleet(POLICY, 3) as crowd:
            line = parks(crowd.all[0])
            review = (await known(crowd.all[1])).review
            await known(crowd.all[2])
            choices: tuple[Choice, ...] = ("approve", "reject")
            cast = [votes(crowd.all[number % 3], review, choices[number % 2], f"token:{number}") for number in range(24)]
            faults = await asyncio.gather(*cast)
            assert sum(fault is None for fault in faults) == 1
            (decided,) = decisions(crowd)
            late = [fault for fault in faults if fault is not None]
            assert {(fault.code, fault.detail["by"]) for fault in late} == {("conflict", decided.by)}
            assert line.ended == "answered"

    asyncio.run(scenario())


@pytest.mark.parametrize("what", ["claim", "release"])
def test_a_claim_holds_wherever_it_was_made(what: Literal["claim", "release"]) -> None:
    async def scenario() -> None:
        async with fleet(POLICY, 2) as crowd:
            parks(crowd.all[0])
            review = (await known(crowd.all[1])).review
            ana, ben = Voter("ana@example.com", frozenset({"people"})), Voter("ben@example.com", frozenset({"people"}))
            assert await crowd.all[1].deciding.act(Act("claim", review, ana)) is None
            refused = await crowd.all[0].deciding.act(Act("vote", review, ben, "approve", "looked"))
            assert refused is not None
            assert refused.code == "conflict"
            if what == "release":
                assert await crowd.all[1].deciding.act(Act("release", review, ana)) is None
                assert await crowd.all[0].deciding.act(Act("vote", review, ben, "approve", "looked")) is None
            else:
                assert await crowd.all[1].deciding.act(Act("vote", review, ana, "approve", "looked")) is None

    asyncio.run(scenario())


def test_a_caller_that_comes_back_elsewhere_gets_the_same_answer() -> None:
    async def scenario() -> None:
        async with fleet(POLICY, 2) as crowd:
            first = parks(crowd.all[0])
            first.leave()
            found = await known(crowd.all[1])
            await until(lambda: found.left_at is not None, WITHIN_S)
            joined, polled = FakeLine(), FakeLine()
            crowd.all[1].reviewing.join(found, joined, "req-2")
            crowd.all[1].reviewing.poll(found, polled, "", 30)
            await until(lambda: found.waiting == 1, WITHIN_S)
            assert await votes(crowd.all[0], found.review) is None
            await until(lambda: joined.ended != "" and polled.ended != "", WITHIN_S)
            assert (joined.status, joined.body, joined.headers["x-request-id"]) == (200, WHOLE, "req-2")
            assert (polled.status, polled.body) == (200, WHOLE)
            again = FakeLine()
            crowd.all[0].reviewing.poll(await known(crowd.all[0]), again, "", 0)
            await until(lambda: again.ended != "", WITHIN_S)
            assert again.body == WHOLE

    asyncio.run(scenario())


def test_whoever_waits_elsewhere_is_known_everywhere_until_it_leaves() -> None:
    async def scenario() -> None:
        async with fleet(POLICY, 3) as crowd:
            parks(crowd.all[0]).leave()
            at_one, at_two = await known(crowd.all[1]), await known(crowd.all[2])
            await until(lambda: at_one.left_at is not None and at_two.left_at is not None, WITHIN_S)
            line = FakeLine()
            crowd.all[1].reviewing.join(at_one, line, "")
            owner = await known(crowd.all[0])
            await until(lambda: at_two.waited and owner.waited, WITHIN_S)
            line.leave()
            await until(lambda: not at_two.waited and not owner.waited, WITHIN_S)

    asyncio.run(scenario())


def test_a_rejection_at_one_process_is_told_to_whoever_polls_at_another() -> None:
    async def scenario() -> None:
        async with fleet(POLICY, 2) as crowd:
            parks(crowd.all[0])
            found = await known(crowd.all[1])
            polled = FakeLine()
            crowd.all[1].reviewing.poll(found, polled, "", 30)
            assert await votes(crowd.all[1], found.review, "reject") is None
            await until(lambda: polled.ended != "", WITHIN_S)
            assert (polled.status, polled.code) == (403, "review_rejected")

    asyncio.run(scenario())


def test_the_reviews_of_a_process_that_is_gone_are_taken_over() -> None:
    async def scenario() -> None:
        async with fleet(POLICY, 3) as crowd:
            parks(crowd.all[0]).leave()
            at_one, at_two = await known(crowd.all[1]), await known(crowd.all[2])
            gone = crowd.all[0]
            await gone.wakeups.close()
            await gone.tasks.stop()
            crowd.stands("prc_0", "gone")
            polled = FakeLine()
            crowd.all[1].reviewing.poll(at_one, polled, "", 30)
            faults = await asyncio.gather(votes(crowd.all[1], at_one.review), votes(crowd.all[2], at_two.review))
            assert sum(fault is None for fault in faults) == 1
            assert len(decisions(crowd)) == 1
            await until(lambda: polled.ended != "", WITHIN_S)
            assert polled.body == WHOLE

    asyncio.run(scenario())


def test_whoever_was_cut_off_with_a_process_joins_what_it_asked_for_elsewhere() -> None:
    """Held for an open review, joined from a process that died, or just answered there: the same request is not sent a second time."""

    async def scenario() -> None:
        async with fleet(POLICY, 3) as crowd:
            dying, other, third = crowd.all
            parks(dying, "inv_1")
            parks(dying, "inv_2")
            parks(other, "inv_3").leave()
            for inv in ("inv_1", "inv_2", "inv_3"):
                await known(third, inv)
            await until(lambda: other.parked.invocation("inv_3").left_at is not None, WITHIN_S)  # type: ignore[union-attr]
            dying.reviewing.join(await known(dying, "inv_3"), FakeLine(), "")
            await until(lambda: third.parked.invocation("inv_3").waited, WITHIN_S)  # type: ignore[union-attr]
            assert await votes(third, (await known(third, "inv_2")).review) is None
            await until(lambda: not third.parked.invocation("inv_2").open, WITHIN_S)  # type: ignore[union-attr]
            await dying.wakeups.close()
            await dying.tasks.stop()
            await third.store.cut_off("prc_0", third.clock.now())
            crowd.stands("prc_0", "gone")
            for one in (other, third):
                for inv in ("inv_1", "inv_2", "inv_3"):
                    found = await known(one, inv)
                    await until(lambda found=found: found.left_at is not None and not found.waited, WITHIN_S)  # type: ignore[misc]
            assert await votes(third, (await known(third, "inv_1")).review) is None
            joined = FakeLine()
            other.reviewing.join(await known(other, "inv_1"), joined, "")
            await until(lambda: joined.ended != "", WITHIN_S)
            assert joined.body == WHOLE

    asyncio.run(scenario())


def test_an_answer_that_was_joined_at_one_process_is_joined_again_at_another() -> None:
    """Its caller was told to come back once, so the same request finds it for as long as the gate says, wherever it was answered."""

    async def scenario() -> None:
        async with fleet(POLICY, 2) as crowd:
            parks(crowd.all[0]).leave()
            found, line = await known(crowd.all[1]), FakeLine()
            await until(lambda: found.left_at is not None, WITHIN_S)
            crowd.all[0].reviewing.join(await known(crowd.all[0]), line, "")
            await until(lambda: found.waited, WITHIN_S)
            assert await votes(crowd.all[1], found.review) is None
            assert line.body == WHOLE
            await until(lambda: not found.open, WITHIN_S)
            assert found.left_at is not None
            assert not found.waited

    asyncio.run(scenario())


def test_what_a_process_may_have_done_before_it_died_is_not_said_to_count_for_nothing() -> None:
    """It counted the vote, and died before it said so: whoever takes the review over finds it decided, by that very vote."""

    async def scenario() -> None:
        async with fleet(POLICY, 2) as crowd:
            dying, other = crowd.all
            parks(dying)
            review = (await known(other)).review
            await dying.wakeups.close()
            await dying.tasks.stop()
            voting = asyncio.ensure_future(votes(other, review))
            while not await other.store.questions("prc_0"):
                await asyncio.sleep(0)
            assert await dying.voting.vote(review, "approve", Voter("token:ana"), "looked") is None
            crowd.stands("prc_0", "gone")
            fault = await voting
            assert fault is not None
            assert (fault.code, fault.detail) == ("store_unavailable", {"counts": "unknown"})
            again = await votes(other, review)
            assert again is not None
            assert (again.code, again.detail["by"]) == ("conflict", "token:ana")

    asyncio.run(scenario())


def test_a_store_that_goes_away_while_another_process_is_asked_leaves_it_unknown() -> None:
    """The question may have come there, and the vote may count; before it was put, nothing can have happened."""

    async def scenario() -> None:
        async with fleet(POLICY, 2) as crowd:
            parks(crowd.all[0])
            review, store = (await known(crowd.all[1])).review, crowd.all[1].store
            await crowd.all[0].wakeups.close()
            await crowd.all[0].tasks.stop()
            voting = asyncio.ensure_future(votes(crowd.all[1], review))
            while not await store.questions("prc_0"):
                await asyncio.sleep(0)
            store.away = True
            fault = await voting
            assert fault is not None
            assert (fault.code, fault.detail) == ("store_unavailable", {"counts": "unknown"})
            with pytest.raises(StoreUnavailableError):
                await votes(crowd.all[1], review)
            store.away = False

    asyncio.run(scenario())


def test_a_process_that_does_not_answer_is_said_to_be_silent() -> None:
    async def scenario() -> None:
        async with fleet(POLICY, 2) as crowd:
            parks(crowd.all[0])
            found = await known(crowd.all[1])
            await crowd.all[0].wakeups.close()
            await crowd.all[0].tasks.stop()
            fault = await votes(crowd.all[1], found.review)
            assert fault is not None
            assert (fault.code, fault.retry_after_seconds) == ("store_unavailable", 5)
            assert found.open

    asyncio.run(scenario())
