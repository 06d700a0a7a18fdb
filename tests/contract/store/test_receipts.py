"""Receipts: what attempts cost, joined with what their callers said, however batches fall; and their sums."""

import asyncio
from collections import defaultdict

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.contract.store import lives, naive
from tests.contract.store.conftest import Opener, Pair

from orchvynt.model.facts import AnyFact, AttemptSettled, HoldPlaced, InvocationReceived
from orchvynt.model.invocation import Claims
from orchvynt.model.usage import Usage
from orchvynt.ports.receipts import Spent, SpentRow

END = 1 << 62
DAY = 86_400_000_000_000
USED = Usage(40, 30)


async def append_all(pair: Pair, frames: list[list[AnyFact]]) -> None:
    for frame in frames:
        pair.journal.append(frame)
    await pair.store.settled()


def received(number: int, key: str = "", **claims: object) -> InvocationReceived:
    return msgspec.structs.replace(lives.received(number), key=key, claims=msgspec.convert(claims, Claims))


def settled(number: int, nanos: int, at: int = lives.START, usage: Usage = USED, attempt: int = 0) -> AttemptSettled:
    return AttemptSettled(lives.inv_id(number), at, lives.attempt_id(number, attempt), usage, nanos, (), "policy")


def test_a_receipt_finds_its_claims_and_its_model_in_earlier_batches(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            frames: list[list[AnyFact]] = [[lives.received(1)], [lives.sent(1)], [lives.ended(1)], [lives.settled(1)], [lives.finished(1)]]
            for frame in frames:
                await append_all(pair, [frame])
            await naive.check(pair.store, frames)
            (row,) = await pair.store.receipts(0, END, 10)
            assert (row.model, row.provider, row.upstream_model) == ("gpt-4o", "openai", "gpt-4o-2024-08-06")
            assert (row.response_id, row.workflow, row.run) == ("chatcmpl-1-0", "doc", "run_1")

    asyncio.run(run())


def test_what_was_never_settled_is_no_receipt(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            await append_all(pair, [[lives.received(1), lives.sent(1)], [lives.voided(1)], [lives.ended(2)]])
            assert await pair.store.receipts(0, END, 10) == []
            assert await pair.store.spent(0, END, ("model",), 10) == Spent([], SpentRow())

    asyncio.run(run())


def test_receipts_come_in_pages_and_a_time_includes_its_beginning_and_not_its_end(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            for number in range(6):
                await append_all(pair, [[lives.received(number), lives.sent(number), settled(number, 5, lives.START + number // 2)]])
            first = await pair.store.receipts(lives.START, lives.START + 3, 4)
            assert [row.attempt for row in first] == [lives.attempt_id(number) for number in range(4)]
            rest = await pair.store.receipts(lives.START, lives.START + 3, 9, (first[-1].settled_at, first[-1].attempt))
            assert [row.attempt for row in rest] == [lives.attempt_id(4), lives.attempt_id(5)]
            assert [row.attempt for row in await pair.store.receipts(lives.START + 1, lives.START + 2, 9)] == [
                lives.attempt_id(2),
                lives.attempt_id(3),
            ]

    asyncio.run(run())


def test_sums_are_by_whatever_callers_say(opener: Opener) -> None:
    contexts: list[dict[str, object]] = [
        {"customer": "acme", "user": {"tier": 1}},
        {"customer": "acme"},
        {"customer": "=1+1"},
        {"customer": None},
        {"customer": True},
        {"customer": [1, "é"]},
        {},
    ]

    async def run() -> None:
        async with opener() as pair:
            for number, context in enumerate(contexts):
                asked = received(number, "team" if number else "", context=context, session="s", user="u'); --")
                await append_all(pair, [[asked], [lives.sent(number), settled(number, 10**number)]])
            by_customer = await pair.store.spent(0, END, ("context.customer",), 10)
            found = {row.values: row.nanos for row in by_customer.rows}
            assert found == {("acme",): 11, ("=1+1",): 100, ("",): 1_001_000, ("true",): 10_000, ('[1,"é"]',): 100_000}
            assert by_customer.total.nanos == 1_111_111
            assert {row.values for row in (await pair.store.spent(0, END, ("context.user.tier",), 10)).rows} == {("1",), ("",)}
            assert {row.values for row in (await pair.store.spent(0, END, ("key",), 10)).rows} == {("key_1",), ("team",)}
            (one,) = (await pair.store.spent(0, END, ("session", "user", "provider", "day"), 10)).rows
            assert one.values == ("s", "u'); --", "openai", "2023-11-14")
            costliest = await pair.store.spent(0, END, ("context.customer",), 1)
            assert [row.values for row in costliest.rows] == [("",)]
            assert costliest.total == by_customer.total, "the total is of all groups"

    asyncio.run(run())


def test_sums_are_exact_beyond_floats_and_beyond_64_bits(opener: Opener) -> None:
    largest = (1 << 63) - 1

    async def run() -> None:
        async with opener() as pair:
            for number in range(3):
                absurd = Usage(1 << 80, 1 << 80, estimated=number == 2)
                await append_all(pair, [[lives.received(number), lives.sent(number), settled(number, largest + number, usage=absurd)]])
            (row,) = (await pair.store.spent(0, END, ("model",), 10)).rows
            assert row.nanos == 3 * largest
            assert (row.estimated, row.estimated_nanos) == (1, largest)
            assert row.input_tokens == 3 << 40

    asyncio.run(run())


def test_an_invocation_of_several_attempts_counts_once(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            frames: list[list[AnyFact]] = [[lives.received(1)]]
            for attempt in range(3):
                sent = msgspec.structs.replace(lives.sent(1, attempt), model="a" if attempt else "b")
                frames.append([sent, settled(1, 5, lives.START + attempt * DAY, attempt=attempt)])
            await append_all(pair, frames)
            spent = await pair.store.spent(0, END, ("model",), 10)
            assert [(row.values, row.receipts, row.invocations, row.nanos) for row in spent.rows] == [(("a",), 2, 1, 10), (("b",), 1, 1, 5)]
            assert (spent.total.receipts, spent.total.invocations) == (3, 1)
            assert len((await pair.store.spent(0, END, ("day",), 10)).rows) == 3

    asyncio.run(run())


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(numbers=st.lists(st.integers(0, 40), unique=True, max_size=12), split=st.integers(1, 5), begin=st.integers(0, 45))
def test_groups_sum_up_to_the_receipts(opener: Opener, numbers: list[int], split: int, begin: int) -> None:
    frames = [frame for number in numbers for frame in lives.life(number)]
    begin += lives.START

    async def run() -> None:
        async with opener() as pair:
            for place in range(0, len(frames), split):
                await append_all(pair, frames[place : place + split])
            rows = [row for row in naive.receipts([fact for frame in frames for fact in frame]).values() if row.settled_at >= begin]
            for by in (("run",), ("workflow", "day"), ("context.text", "run"), ()):
                spent = await pair.store.spent(begin, END, by, 1000)
                assert sum(row.nanos for row in spent.rows) == (sum(row.nanos for row in rows) if by else 0)
                assert spent.total.nanos == sum(row.nanos for row in rows)
                assert spent.total.invocations == len({row.inv for row in rows})
            by_run: dict[str, int] = defaultdict(int)
            for row in rows:
                by_run[row.run] += row.nanos
            assert {row.values[0]: row.nanos for row in (await pair.store.spent(begin, END, ("run",), 1000)).rows} == by_run

    asyncio.run(run())


def test_a_hold_alone_leaves_no_receipt(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            placed = HoldPlaced(lives.inv_id(1), 1, lives.attempt_id(1), 1, "m", (), 1, 1, 1)
            await append_all(pair, [[lives.received(1), placed]])
            assert (await pair.store.spent(0, END, (), 1)).total == SpentRow()

    asyncio.run(run())
