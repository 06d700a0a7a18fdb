"""What processes of one store keep there for one another: each question has one answer, and each tenure one holder."""

import asyncio

import msgspec
from tests.contract.store import lives
from tests.contract.store.conftest import Opener

from orchvynt.model.facts import CallerWaits
from orchvynt.ports.peers import TOLD_NS, Question, Served, Tenure
from orchvynt.ports.store import KeyRow

HOUR = 3_600 * 1_000_000_000
ONE = Served("prc_1", "here:1", 3, "d3", 10)
INV, REVIEW = lives.inv_id(4), lives.review_id(4)


def test_what_is_served_stands_until_its_process_is_forgotten(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            store = pair.store
            other = Served("prc_2", "there:2", 2, "d2", 11, "/etc/orchvynt.yaml", "a secret is missing")
            for served in (other, ONE, msgspec.structs.replace(ONE, version=4)):
                await store.put_served(served)
            assert await store.served() == [msgspec.structs.replace(ONE, version=4), other]
            await store.forget_peer("prc_1")
            assert await store.served() == [other]

    asyncio.run(run())


def test_a_question_is_answered_once_and_goes_with_who_asked(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            store = pair.store
            first, second = (
                Question("ask_1", "prc_2", "prc_1", "review", b'{"a": "\\u0000"}'),
                Question("ask_2", "prc_2", "prc_3", "x", b"1"),
            )
            for question in (first, second):
                await store.ask(question)
            assert await store.questions("prc_2") == [first, second]
            assert await store.questions("prc_1") == []
            assert await store.answer_to("ask_1") is None
            answered = await asyncio.gather(*(store.answer("ask_1", b"%d" % number) for number in range(4)))
            assert answered == [True, False, False, False]
            assert await store.answer_to("ask_1") == b"0"
            assert await store.questions("prc_2") == [second]
            await store.take_back("ask_1")
            assert await store.answer_to("ask_1") is None
            assert not await store.answer("ask_1", b"5")
            await store.forget_peer("prc_3")
            assert await store.questions("prc_2") == []

    asyncio.run(run())


def test_exactly_one_takes_a_tenure(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            store = pair.store
            found = await asyncio.gather(*(store.take_tenure("t", f"prc_{number}", HOUR, f"said {number}") for number in range(9)))
            assert len({one.process for one in found}) == 1
            (holder,) = set(found)
            assert holder.said == f"said {holder.process.removeprefix('prc_')}"
            assert await store.take_tenure("t", holder.process, HOUR, "again") == Tenure("t", holder.process, "again")
            # What ends is what was taken, and not what was taken anew since.
            await store.end_tenures([holder])
            assert (await store.take_tenure("t", "prc_x", HOUR)).process == holder.process
            await store.end_tenures([Tenure("t", holder.process, "again"), Tenure("u", "prc_x", "")])
            assert await store.take_tenure("t", "prc_x", HOUR) == Tenure("t", "prc_x", "")

    asyncio.run(run())


def test_a_tenure_ends_by_the_stores_clock_or_not_at_all(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            store = pair.store
            for name, for_ns in (("short", 1), ("for good", 0)):
                await store.take_tenure(name, "prc_1", for_ns)
            async with asyncio.timeout(20):
                while (await store.take_tenure("short", "prc_2", HOUR)).process != "prc_2":
                    await asyncio.sleep(0.01)
            assert (await store.take_tenure("for good", "prc_2", HOUR)).process == "prc_1"
            await store.forget_peer("prc_1")
            assert (await store.take_tenure("for good", "prc_2", HOUR)).process == "prc_2"

    asyncio.run(run())


def test_the_pulse_says_that_something_changed(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            store = pair.store
            first = await store.pulse()
            await store.add_policy("version: 1\n", "d", "why", "ana", 1, None, "")
            await store.add_key(KeyRow("k", "agents", "s", 1, "ana"))
            second = await store.pulse()
            assert (second.policy, second.keys) == (first.policy + 1, first.keys + 1)
            assert second.now >= first.now > 1_600_000_000 * 1_000_000_000
            await store.remove_key("k")
            assert (await store.pulse()).keys == second.keys + 1

    asyncio.run(run())


def test_a_review_is_its_process_s_until_it_is_decided(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            store, journal = pair.store, pair.journal
            journal.append((lives.received(4), lives.opened(4)))
            await store.settled()
            (row,) = await store.parked_of([INV, "inv_9"])
            assert (row.review, row.owner) == (REVIEW, store.process)
            assert await store.review_owner(REVIEW) == store.process
            assert not await store.adopt_review(REVIEW, "prc_9", "prc_2")
            assert await store.adopt_reviews("prc_2", [store.process]) == []
            assert await store.adopt_review(REVIEW, store.process, "prc_2")
            assert await store.adopt_reviews("prc_3", ["prc_1"]) == [INV]
            assert [row.owner for row in await store.parked(0, HOUR)] == ["prc_3"]
            journal.append((lives.decided(4),))
            await store.settled()
            assert await store.review_owner(REVIEW) == ""
            assert not await store.adopt_review(REVIEW, "prc_3", "prc_4")
            assert [(row.status, row.owner) for row in await store.parked_of([INV])] == [("approved", "")]

    asyncio.run(run())


def test_whoever_waited_at_a_process_that_is_gone_was_cut_off(opener: Opener) -> None:
    """Of what is open, or was decided a moment before; not who waits at another one."""

    async def run() -> None:
        async with opener() as pair:
            store, journal = pair.store, pair.journal
            at = lives.START + 3 * TOLD_NS
            for number in (1, 2, 3, 4):
                journal.append((lives.received(number), lives.opened(number)))
            journal.append((CallerWaits(lives.inv_id(2), 30, "gone"),))
            journal.append((msgspec.structs.replace(lives.decided(3), at=at - TOLD_NS + 1),))
            journal.append((msgspec.structs.replace(lives.decided(4), at=at - TOLD_NS - 1),))
            await store.settled()
            newest = (await store.pulse()).reviews
            await store.cut_off("prc_9", at)
            assert (await store.pulse()).reviews == newest
            await store.cut_off(store.process, at)
            await store.cut_off(store.process, at + 5)
            rows = await store.parked_of([lives.inv_id(number) for number in (1, 2, 3, 4)])
            assert {row.inv: row.left_at for row in rows} == dict(zip(map(lives.inv_id, (1, 2, 3, 4)), (at, 30, at, 0), strict=True))
            assert {inv for _, inv in await store.changed_reviews(newest, 10)} == {lives.inv_id(1), lives.inv_id(3)}
            journal.append((CallerWaits(lives.inv_id(1), 40, "joined"),))
            await store.settled()
            assert [(row.left_at, row.waits_at) for row in await store.parked_of([lives.inv_id(1)])] == [(at, store.process)]
            await store.cut_off(store.process, at + 9)
            assert [(row.left_at, row.waits_at) for row in await store.parked_of([lives.inv_id(1)])] == [(at + 9, "")]

    asyncio.run(run())


def test_changes_of_reviews_are_numbered_in_their_order(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            store, journal = pair.store, pair.journal
            assert await store.changed_reviews(0, 10) == []
            for number in (1, 2):
                journal.append((lives.received(number), lives.opened(number)))
                await store.settled()
            journal.append((CallerWaits(lives.inv_id(1), 30, "gone"),))
            await store.settled()
            changed = await store.changed_reviews(0, 10)
            assert [inv for _, inv in changed] == [lives.inv_id(1), lives.inv_id(2), lives.inv_id(1)]
            numbers = [number for number, _ in changed]
            assert numbers == list(range(numbers[0], numbers[0] + 3))
            assert (await store.pulse()).reviews == numbers[-1]
            assert await store.changed_reviews(numbers[0], 1) == [changed[1]]
            await store.adopt_review(lives.review_id(2), store.process, "prc_2")
            assert [inv for _, inv in await store.changed_reviews(numbers[-1], 10)] == [lives.inv_id(2)]

    asyncio.run(run())
