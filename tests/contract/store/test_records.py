"""The record and what is folded from it."""

import asyncio

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.contract.store import lives, naive
from tests.contract.store.conftest import Opener, Pair

from orchvynt.model.facts import AnyFact, AttemptSettled, FeedbackGiven, InvocationFinished, Reserved
from orchvynt.model.usage import NO_USAGE
from orchvynt.ports.journal import JournalUnavailableError
from orchvynt.ports.reviews import ReviewsAsked
from orchvynt.ports.store import FeedbackRow, ReviewRow, SpendRow, StoreUnavailableError


async def append_all(pair: Pair, frames: list[list[AnyFact]]) -> None:
    for frame in frames:
        pair.journal.append(frame)
    await pair.store.settled()


def test_a_record_comes_back_as_it_was_written_and_unknown_ones_are_empty(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            frames = [frame for number in range(10) for frame in lives.life(number)]
            await append_all(pair, frames)
            await naive.check(pair.store, frames)
            assert await pair.store.facts("inv_unknown") == []
            assert await pair.store.find("inv_unknown") == []

    asyncio.run(run())


def test_an_empty_store_answers_everything_with_nothing(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            pair.journal.append([])
            await naive.check(pair.store, [])
            assert await pair.store.review("rev") is None
            assert await pair.store.review_state("rev") is None

    asyncio.run(run())


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_projections_equal_a_naive_fold_however_lives_interleave_and_batches_fall(opener: Opener, data: st.DataObject) -> None:
    queues = [lives.life(number) for number in data.draw(st.lists(st.integers(0, 40), unique=True, max_size=8))]
    frames: list[list[AnyFact]] = []
    breaks: set[int] = set()
    while queues:
        queue = queues[data.draw(st.integers(0, len(queues) - 1))]
        frames.append(queue.pop(0))
        if data.draw(st.booleans()):
            breaks.add(len(frames))
        queues = [queue for queue in queues if queue]

    async def run() -> None:
        async with opener() as pair:
            for count, frame in enumerate(frames, 1):
                pair.journal.append(frame)
                if count in breaks:
                    await pair.store.settled()
            await pair.store.settled()
            await naive.check(pair.store, frames)

    asyncio.run(run())


def test_every_reference_finds_its_invocation(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            await append_all(pair, lives.life(2) + lives.life(10) + lives.life(5))
            ten = [lives.inv_id(10)]
            for reference in (lives.inv_id(10), lives.attempt_id(10), "chatcmpl-10-0", "preq-10-0", "req_10", "trace_10"):
                assert await pair.store.find(reference) == ten, reference
            assert await pair.store.find(lives.review_id(2)) == [lives.inv_id(2)]
            assert await pair.store.find("run_2") == [lives.inv_id(5), lives.inv_id(2)]
            assert await pair.store.run("run_2") == [lives.inv_id(5), lives.inv_id(2)]
            assert await pair.store.run(lives.inv_id(2)) == [lives.inv_id(2)]
            assert await pair.store.run("run_unknown") == []
            assert await pair.store.find("last") == [lives.inv_id(5)]
            for hostile in ("", "%", "run_", "' OR 1=1 --", "x" * 100_000, "\0", "\ud800"):
                assert await pair.store.find(hostile) == [], hostile

    asyncio.run(run())


def test_long_references_are_found_and_a_run_names_its_newest_hundred(opener: Opener) -> None:
    long = "r" * 5000

    async def run() -> None:
        async with opener() as pair:
            for number in range(3, 453, 3):  # all of run_0
                pair.journal.append([lives.received(number)])
            await pair.store.settled()
            assert await pair.store.find("run_0") == [lives.inv_id(number) for number in range(450, 150, -3)]
            ended = lives.ended(7)
            pair.journal.append([type(ended)(ended.inv, ended.at, ended.attempt, "answered", 1, response_id=long)])
            await pair.store.settled()
            assert await pair.store.find(long) == [lives.inv_id(7)]

    asyncio.run(run())


def test_a_hold_knows_its_parts_and_when_it_was_sent_until_it_is_settled_or_voided(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            await append_all(pair, [[lives.received(1), lives.placed(1)], [lives.received(2), lives.placed(2)]])
            assert [(hold.placed, hold.sent_at) for hold in await pair.store.open_holds()] == [(lives.placed(1), 0), (lives.placed(2), 0)]
            await append_all(pair, [[lives.sent(1)]])
            assert [hold.sent_at for hold in await pair.store.open_holds()] == [lives.sent(1).at, 0]
            await append_all(pair, [[lives.settled(1)], [lives.voided(2)]])
            assert await pair.store.open_holds() == []
            assert sorted(await pair.store.spend(), key=lambda row: row.budget) == [
                SpendRow("run-cap", "run_1", 0, 0, 0, 70, 30, 1, lives.settled(1).at),
                SpendRow("team", "docs", 0, 0, 701, 70, 30, 1, lives.settled(1).at),
            ]

    asyncio.run(run())


def test_absurd_figures_become_the_largest_and_never_wrap(opener: Opener) -> None:
    largest = (1 << 63) - 1

    async def run() -> None:
        async with opener() as pair:
            for size in (1 << 70, largest, 5):
                part = Reserved("b", "s", 0, size, size, size)
                await append_all(pair, [[AttemptSettled("inv_1", 1, "att_1", NO_USAGE, size, (part, part), "policy")]])
                assert await pair.store.spend() == [SpendRow("b", "s", 0, 0, largest, largest, largest, 0, 1)]
            await append_all(pair, [[InvocationFinished("inv_1", 1, "answered", nanos=1 << 80, duration_ns=1 << 90)]])
            (row,) = await pair.store.invocations(10, "")
            assert (row.nanos, row.duration_ns) == (largest, largest)

    asyncio.run(run())


def test_a_review_opens_escalates_and_is_decided_once(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            review = lives.review_id(4)
            await append_all(pair, [[lives.received(4), lives.opened(4)]])
            row = await pair.store.review(review)
            assert row == ReviewRow(
                review, lives.inv_id(4), "financial", "open", lives.START + 4, 0, "", "", ("finance",), True, "key_1", "join_4",
                lives.START + 60, "heads",
            )  # fmt: skip
            assert await pair.store.review_state(review) == b"\x00parked\xff"
            assert [line.outcome for line in await pair.store.invocations(9, "")] == ["parked"]
            assert await pair.store.unfinished() == []

            await append_all(pair, [[lives.escalated(4)], [lives.escalated(4)]])
            row = await pair.store.review(review)
            assert row is not None
            assert (row.reviewers, row.escalates_at, row.escalation, row.status) == (("finance", "heads"), 0, "", "open")

            await append_all(pair, [[lives.decided(4)]])
            await append_all(pair, [[lives.decided(4, "token:ben", b"late")], [lives.escalated(4)]])
            row = await pair.store.review(review)
            assert row is not None
            assert (row.status, row.by, row.reason, row.decided_at) == ("approved", "token:ana", "checked", lives.START + 94)
            assert await pair.store.review_state(review) == b"\x00decided\xff"
            assert await pair.store.reviews_page(ReviewsAsked(9)) == []
            assert await pair.store.reviews_page(ReviewsAsked(9, "all")) == [row]
            assert await pair.store.unfinished() == [lives.inv_id(4)]

    asyncio.run(run())


def test_a_decision_after_the_end_does_not_reopen_the_invocation(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            await append_all(pair, [[lives.received(4), lives.opened(4)], [lives.finished(4)]])
            await append_all(pair, [[lives.decided(4)]])
            assert [line.outcome for line in await pair.store.invocations(9, "")] == ["answered"]

    asyncio.run(run())


def test_the_list_is_newest_first_in_pages(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            await append_all(pair, [[lives.received(number), lives.routed(number)] for number in range(5)])
            first = await pair.store.invocations(2, "")
            assert [row.inv for row in first] == [lives.inv_id(4), lives.inv_id(3)]
            assert [row.inv for row in await pair.store.invocations(9, first[-1].inv)] == [lives.inv_id(number) for number in (2, 1, 0)]
            await append_all(pair, [[lives.delivered(3)]])
            (row,) = await pair.store.invocations(1, lives.inv_id(4))
            assert (row.model, row.tier, row.provider, row.rule, row.workflow, row.agent, row.outcome) == (
                "gpt-4o",
                2,
                "",
                "cheap",
                "doc",
                "draft",
                "",
            )

    asyncio.run(run())


def test_facts_that_cannot_be_encoded_are_refused_and_none_of_them_is_written(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            bad = InvocationFinished(lives.inv_id(1), 1, "answered", model="\ud800")
            with pytest.raises(JournalUnavailableError, match="cannot be encoded"):
                pair.journal.append([lives.received(1), bad])
            await append_all(pair, lives.life(5))
            await naive.check(pair.store, lives.life(5))

    asyncio.run(run())


def test_a_closed_store_says_so(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            await pair.store.close()
            with pytest.raises(StoreUnavailableError, match="closed"):
                await pair.store.facts("inv_1")
            with pytest.raises(StoreUnavailableError, match="closed"):
                await pair.store.remove_token("x")

    asyncio.run(run())


def test_the_first_feedback_of_an_invocation_stands_and_the_newest_are_told_oldest_first(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            frames = [frame for number in range(4) for frame in lives.life(number)]
            scores = [
                FeedbackGiven(lives.inv_id(n), lives.START + n, n / 4, "gpt-4o", "openai", "extraction", "ok", "é\0") for n in range(4)
            ]
            again = FeedbackGiven(lives.inv_id(2), lives.START + 9, 1.0, "gpt-4o", "openai")
            before = await pair.store.invocations(10, "")
            given: list[list[AnyFact]] = [[score] for score in [*scores, again]]
            await append_all(pair, [*frames, *given])
            rows = [FeedbackRow(one.inv, one.at, "openai", "gpt-4o", "extraction", one.score) for one in scores]
            assert await pair.store.feedback(10) == rows
            assert await pair.store.feedback(2) == rows[2:]
            assert (await pair.store.facts(lives.inv_id(3)))[-1] == scores[3]
            assert len(await pair.store.invocations(10, "")) == len(before) + 4

    asyncio.run(run())


def test_a_run_without_a_name_of_its_own_has_that_of_its_first_invocation(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            for number in range(1, 4):
                received = lives.received(number)
                claims = msgspec.structs.replace(received.claims, run=lives.inv_id(1) if number > 1 else "", run_source="inferred")
                pair.journal.append([msgspec.structs.replace(received, claims=claims)])
            await pair.store.settled()
            assert await pair.store.run(lives.inv_id(1)) == [lives.inv_id(3), lives.inv_id(2), lives.inv_id(1)]
            assert await pair.store.find(lives.inv_id(1)) == [lives.inv_id(1)]

    asyncio.run(run())
