"""What a start needs of reviews: those that are open or may be asked for again, and when their callers left, of those only, the newest."""

import asyncio
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.contract.store import lives
from tests.contract.store.conftest import Opener

from orchvynt.adapters.memory.parked import parked_row
from orchvynt.model.facts import CallerWaits, ReviewClaimed, ReviewOpened, ReviewVoted, Vote
from orchvynt.model.review_facts import CLAIM_FOR_NS
from orchvynt.ports.parked import Departure, ParkedRow

DAY = CLAIM_FOR_NS


def waits(number: int, at: int, how: str) -> CallerWaits:
    return CallerWaits(lives.inv_id(number), at, how)  # type: ignore[arg-type]  # one of its words


def opened(number: int, review: str, claim_for_ns: int) -> ReviewOpened:
    return ReviewOpened(lives.inv_id(number), lives.START, review, "g", ("people",), "k", "join", b"state", claim_for_ns=claim_for_ns)


def left(rows: list[ParkedRow]) -> list[tuple[str, int, int]]:
    return [(row.review, row.claim_for_ns, row.left_at) for row in rows]


def awaited(rows: list[ParkedRow]) -> list[bool]:
    return [row.waits_at != "" for row in rows]


def test_a_caller_waits_leaves_comes_back_and_leaves(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:

            async def after(*facts: CallerWaits | ReviewOpened) -> list[tuple[str, int, int]]:
                pair.journal.append(facts)
                await pair.store.settled()
                rows = await pair.store.parked(0, DAY)
                assert {row.waits_at for row in rows} <= {"", pair.store.process}
                waiting.append(all(awaited(rows)))
                return left(rows)

            waiting: list[bool] = []

            first = lives.opened(4)
            pair.journal.append((lives.received(4), first))
            assert await after(waits(4, 1, "held")) == [(first.review, DAY, 0)]
            assert await after(waits(4, 2, "pending")) == [(first.review, DAY, 2)]
            assert await after(waits(4, 3, "joined")) == [(first.review, DAY, 2)]
            both = await after(waits(4, 4, "gone"), opened(4, "rev_4.2", 7))
            assert sorted(both) == sorted([(first.review, 7, 4), ("rev_4.2", 7, 4)]), "a further review is waited for too"
            assert waiting == [True, False, True, False]

    asyncio.run(run())


def test_what_was_never_parked_has_none(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            pair.journal.append((lives.received(5), waits(5, 1, "gone")))
            pair.journal.append((lives.received(6), opened(6, "rev_6.1", 9), waits(6, 2, "gone")))
            await pair.store.settled()
            assert left(await pair.store.parked(0, DAY)) == [("rev_6.1", 9, 2)]

    asyncio.run(run())


def test_what_was_decided_long_ago_and_left_long_ago_is_not_read(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            ends = {}
            for number, claim_for_ns in ((1, 10), (2, 10), (3, 500), (4, 500)):
                review = f"rev_{number}.1"
                pair.journal.append((lives.received(number), opened(number, review, claim_for_ns), waits(number, 40, "gone")))
                ends[number] = replace(lives.decided(number), review=review, at=50)
            await pair.store.settled()
            assert len(await pair.store.parked(1_000, 100)) == 4, "open ones, however old"
            pair.journal.append((ends[1],))
            pair.journal.append((ends[3],))
            pair.journal.append((ends[4], waits(4, 700, "gone")))
            await pair.store.settled()

            async def kept(now: int) -> set[str]:
                return {row.review for row in await pair.store.parked(now, 100)}

            assert await kept(149) == {"rev_1.1", "rev_2.1", "rev_3.1", "rev_4.1"}
            assert await kept(150) == {"rev_2.1", "rev_3.1", "rev_4.1"}, "decided 100 before, and left 110 before"
            assert await kept(539) == {"rev_2.1", "rev_3.1", "rev_4.1"}
            assert await kept(540) == {"rev_2.1", "rev_4.1"}, "left 500 before"
            assert await kept(1_200) == {"rev_2.1"}

    asyncio.run(run())


STEPS = st.lists(st.tuples(st.integers(1, 4), st.sampled_from(["open", "claim", "vote", "leave", "decide"])), max_size=12)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, now=st.integers(0, 40), joinable=st.integers(0, 20))
def test_it_is_the_review_s_row_with_the_departure(opener: Opener, steps: list[tuple[int, str]], now: int, joinable: int) -> None:
    """Whatever happened to it, and with what a person may have written into a name."""

    async def run() -> None:
        async with opener() as pair:
            for at, (number, step) in enumerate(steps):
                first = replace(
                    lives.opened(number), at=at, reviewers=("finance", "o'ps"), reminds=(50, 90), quorum=number, requester="ana"
                )
                facts: dict[str, Any] = {
                    "open": replace(first, claim_for_ns=at),
                    "claim": ReviewClaimed(first.inv, at, first.review, "ana", 99),
                    "vote": ReviewVoted(first.inv, at, first.review, Vote("ana", "edit", "typo", at, "better")),
                    "leave": waits(number, at, "gone"),
                    "decide": replace(lives.decided(number), at=at),
                }
                pair.journal.append((lives.received(number), facts[step]))
            await pair.store.settled()
            rows = await pair.store.parked(now, joinable)
            for one in rows:
                row = await pair.store.review(one.review)
                assert row is not None
                assert one == parked_row(row, Departure(row.inv, one.claim_for_ns, one.left_at, one.waits_at), one.owner)
            assert [row.opened_at for row in rows] == sorted(row.opened_at for row in rows)

    asyncio.run(run())
