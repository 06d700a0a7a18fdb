"""The inbox: what matches, in its order, page by page; and a review's row after everything that can happen to it."""

import asyncio
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.contract.store import lives
from tests.contract.store.conftest import Opener

from orchvynt.adapters.memory.inbox import reviews_page
from orchvynt.adapters.memory.journal import open_memory_store
from orchvynt.model.facts import AnyFact, ReviewClaimed, ReviewDecided, ReviewReleased, ReviewReminded, ReviewVoted, Vote
from orchvynt.ports.reviews import ReviewRow, ReviewsAsked

ANA, BEN = "ana@example.com", "ben@example.com"
EDIT = Vote(ANA, "edit", "typo", 3, "better")


def test_a_row_after_votes_claims_reminders_and_the_decision(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            opened = replace(lives.opened(2), quorum=2, not_requester=True, requester=BEN, reminds=(50, 90), stage="tool_call")
            inv, review = opened.inv, opened.review

            async def after(*facts: AnyFact) -> ReviewRow:
                pair.journal.append([*facts])
                await pair.store.settled()
                row = await pair.store.review(review)
                assert row is not None
                return row

            row = await after(lives.received(2), opened)
            assert (row.stage, row.quorum, row.not_requester, row.requester, row.reminds, row.decision) == (
                "tool_call", 2, True, BEN, (50, 90), ""
            )  # fmt: skip
            row = await after(ReviewClaimed(inv, 1, review, ANA, 900))
            assert (row.claimed_by, row.claimed_until) == (ANA, 900)
            row = await after(ReviewReleased(inv, 2, review, ANA), ReviewVoted(inv, 3, review, EDIT))
            assert (row.claimed_by, row.votes) == ("", (EDIT,))
            row = await after(ReviewReminded(inv, 60, review, 1))
            assert (row.reminded, row.reminds) == (1, (90,))
            row = await after(ReviewDecided(inv, 70, review, "edit", BEN, b"state", "fine", diff="@@"))
            assert (row.status, row.decision, row.by, row.reminds) == ("approved", "edit", BEN, ())
            assert row.votes == (replace(EDIT, text=""), Vote(BEN, "approve", "fine", 70)), "the state has the text"
            assert await pair.store.reviews_page(ReviewsAsked(5)) == []
            assert await pair.store.reviews_page(ReviewsAsked(5, "approved")) == [row]

    asyncio.run(run())


def filled(seed: int) -> list[list[AnyFact]]:
    chance, frames = Random(seed), list[list[AnyFact]]()
    for number in range(12):
        groups = tuple(chance.sample(["finance", "heads", "o'ps"], chance.randint(1, 2)))
        opened = replace(lives.opened(number), gate=chance.choice(["a", "b"]), reviewers=groups, at=chance.randint(1, 4))
        frames.append([lives.received(number), opened])
        if chance.random() < 0.4:
            frames.append([ReviewClaimed(opened.inv, 5, opened.review, chance.choice([ANA, BEN]), chance.choice([50, 150]))])
        if chance.random() < 0.4:
            frames.append([replace(lives.decided(number), decision=chance.choice(["approve", "reject", "expire"]))])
    return frames


ASKED = st.builds(
    ReviewsAsked,
    limit=st.integers(1, 5),
    status=st.sampled_from(["open", "approved", "rejected", "expired", "all"]),
    gate=st.sampled_from(["", "a", "none"]),
    groups=st.none() | st.frozensets(st.sampled_from(["finance", "heads", "o'ps", "nobody"])),
    claimed=st.sampled_from(["", "yes", "no", "by"]),
    claimed_by=st.just(ANA),
    now=st.just(100),
    newest_first=st.booleans(),
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), asked=st.lists(ASKED, min_size=1, max_size=6))
def test_every_page_is_that_of_the_rows(opener: Opener, seed: int, asked: list[ReviewsAsked]) -> None:
    """Against the rows themselves; each page goes on where the one before ended, and together they are everything once."""

    async def run() -> None:
        memory, journal = open_memory_store()
        async with opener() as pair:
            for frame in filled(seed):
                pair.journal.append(frame)
                journal.append(frame)
            await pair.store.settled()
            rows = await memory.reviews_page(ReviewsAsked(1_000, "all"))
            assert await pair.store.reviews_page(ReviewsAsked(1_000, "all")) == rows
            for one in asked:
                whole = reviews_page(rows, replace(one, limit=99))
                found: list[ReviewRow] = []
                after: Any = None
                while page := await pair.store.reviews_page(replace(one, after=after)):
                    assert len(page) <= one.limit
                    found += page
                    after = (page[-1].opened_at, page[-1].review)
                assert found == whole

    asyncio.run(run())
