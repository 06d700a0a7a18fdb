"""Grants are kept with or without an invocation, once; reviews of budgets keep what was wanted, what was given, and the last word."""

import asyncio

import msgspec
from tests.contract.store import lives, naive
from tests.contract.store.conftest import Opener

from orchvynt.model.facts import BudgetGranted, InvocationReceived, ReviewConcluded, ReviewDecided, ReviewOpened, Wanted
from orchvynt.ports.reviews import ReviewsAsked

UNASKED = BudgetGranted("", lives.START, "grant_1", "purse", "dö cs\n", 5, 0, 10, 7, 0, "token:ana", "because")
WANTED = Wanted("purse", "docs", "tokens", 10, 9, 1, 5, 99, (500, 1_000))


def opened(record: InvocationReceived) -> ReviewOpened:
    return ReviewOpened(record.inv, record.at, "rev_1", "budget purse", ("leads",), "k", "join", b"parked", wanted=WANTED)


def test_what_an_operator_granted_enters_no_record(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            frames = [frame for number in range(3) for frame in lives.life(number)]
            for frame in frames:
                pair.journal.append(frame)
            later = msgspec.structs.replace(UNASKED, at=lives.START + 1, grant="grant_0", until=0, rolls_ns=3)
            for given in (later, UNASKED, msgspec.structs.replace(UNASKED, nanos=999)):
                pair.journal.append((given,))
            await pair.store.settled()
            assert await pair.store.grants() == [UNASKED, later], "the oldest first, and the first of an id stands"
            assert await pair.store.grant("grant_1") == UNASKED
            assert await pair.store.grant("grant_2") is None
            await naive.check(pair.store, frames)

    asyncio.run(run())


def test_a_review_of_a_budget_from_its_opening_to_the_last_word(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            received = lives.life(0)[0][0]
            assert isinstance(received, InvocationReceived)
            inv, at = received.inv, received.at
            given = msgspec.structs.replace(UNASKED, inv=inv, grant="rev_1", review="rev_1")
            pair.journal.append((received, opened(received)))
            await pair.store.settled()
            row = await pair.store.review("rev_1")
            assert row is not None
            assert (row.wanted, row.granted, row.status) == (WANTED, 0, "open")
            assert await pair.store.review_state("rev_1") == b"parked"
            assert await pair.store.unfinished() == []
            pair.journal.append((ReviewDecided(inv, at + 1, "rev_1", "approve", "token:ana", b"approved", "", 500), given))
            await pair.store.settled()
            row = await pair.store.review("rev_1")
            assert row is not None
            assert (row.status, row.granted, row.join_key) == ("approved", 500, "join")
            assert await pair.store.review_state("rev_1") == b"approved"
            assert await pair.store.grants() == [given]
            assert await pair.store.unfinished() == [inv], "let go on, and not at its end"
            pair.journal.append((ReviewConcluded(inv, at + 2, "rev_1", b"answered"),))
            await pair.store.settled()
            assert await pair.store.review_state("rev_1") == b"answered"
            assert await pair.store.reviews_page(ReviewsAsked(9, "all")) == [row]

    asyncio.run(run())


def test_what_no_retry_may_join_has_no_join_key(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            received = lives.life(0)[0][0]
            assert isinstance(received, InvocationReceived)
            decided = ReviewDecided(received.inv, received.at, "rev_1", "approve", "token:ana", b"approved", "", 500)
            ended = ReviewConcluded(received.inv, received.at, "rev_1", b"failed", joinable=False)
            pair.journal.append((received, opened(received), decided, ended))
            await pair.store.settled()
            row = await pair.store.review("rev_1")
            assert row is not None
            assert (row.join_key, row.status) == ("", "approved")

    asyncio.run(run())
