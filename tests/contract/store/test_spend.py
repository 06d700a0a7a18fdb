"""Spend in the store: by window and by slice, carried to a new name with the policy, and dropped when it is over."""

import asyncio

from tests.contract.store.conftest import Opener, Pair

from orchvynt.model.facts import AttemptSettled, Reserved
from orchvynt.model.usage import NO_USAGE
from orchvynt.ports.carried import Carried
from orchvynt.ports.store import SpendRow

DAY = 86_400_000_000_000


async def settle(pair: Pair, *parts: Reserved, at: int = 7) -> None:
    pair.journal.append([AttemptSettled("inv_1", at, "att_1", NO_USAGE, 5, parts, "policy")])
    await pair.store.settled()


def rows(found: list[SpendRow]) -> dict[tuple[str, str, int, int, int], int]:
    return {(row.budget, row.subject, row.window, row.rolls_ns, row.ends_at): row.nanos for row in found}


def test_windows_that_begin_at_the_same_instant_have_rows_of_their_own(opener: Opener) -> None:
    day, month = Reserved("b", "s", DAY, 5, ends_at=2 * DAY), Reserved("b", "s", DAY, 7, ends_at=32 * DAY)
    slice_of_it = Reserved("b", "s", DAY, 11, rolls_ns=DAY, ends_at=2 * DAY)

    async def run() -> None:
        async with opener() as pair:
            await settle(pair, day, month, slice_of_it)
            await settle(pair, day)
            assert rows(await pair.store.spend()) == {
                ("b", "s", DAY, 0, 2 * DAY): 10,
                ("b", "s", DAY, 0, 32 * DAY): 7,
                ("b", "s", DAY, DAY, 2 * DAY): 11,
            }

    asyncio.run(run())


def test_what_is_over_is_not_read_and_what_is_long_over_is_dropped(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            life = Reserved("b", "s", 0, 1)
            await settle(pair, life, Reserved("b", "s", DAY, 2, ends_at=2 * DAY), Reserved("b", "s", 5, 3, rolls_ns=9, ends_at=15))
            assert sorted(rows(await pair.store.spend(15)).values()) == [1, 2]
            assert sorted(rows(await pair.store.spend(2 * DAY - 1)).values()) == [1, 2]
            assert sorted(rows(await pair.store.spend(2 * DAY)).values()) == [1]
            await pair.store.forget_spend(15, ())
            assert sorted(rows(await pair.store.spend()).values()) == [1, 2]
            await pair.store.forget_spend(3 * DAY, ())
            assert sorted(rows(await pair.store.spend()).values()) == [1]

    asyncio.run(run())


def test_a_lifetime_that_is_over_is_dropped_and_nothing_else_of_its_subject(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            await settle(pair, Reserved("b", "s", 0, 1), Reserved("b", "s", 9, 2), Reserved("b", "t", 0, 3), Reserved("c", "s", 0, 4))
            await pair.store.forget_spend(0, [("b", "s", 0), ("c", "nobody", 0)])
            assert sorted(rows(await pair.store.spend()).values()) == [2, 3, 4]

    asyncio.run(run())


def test_spend_is_carried_with_the_policy_and_the_old_name_is_remembered(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            store = pair.store
            await settle(pair, Reserved("a", "s", 0, 1), Reserved("b", "s", 0, 10), Reserved("a", "t", 0, 3), Reserved("a#more", "s", 0, 5))
            refused = await store.add_policy("y", "d", "", "x", 1, 7, "", 0, Carried((("a", "b"),), ("b",)))
            assert refused is None
            assert await store.renamed() == []
            assert await store.add_policy("y", "d", "", "x", 1, 0, "", 0, Carried((("a", "b"),), ("b",)))
            assert rows(await store.spend()) == {("b", "s", 0, 0, 0): 11, ("b", "t", 0, 0, 0): 3, ("b#more", "s", 0, 0, 0): 5}
            assert await store.renamed() == [("a", "b")]
            await settle(pair, Reserved("a", "s", 0, 100))
            assert rows(await store.spend())["a", "s", 0, 0, 0] == 100, "what still comes in under the old name is kept under it"
            assert await store.add_policy("y", "d", "", "x", 1, None, "", 0, Carried((("b", "c"),), ("c",)))
            assert await store.renamed() == [("a", "c"), ("b", "c")], "a name leads to the newest one"
            assert rows(await store.spend())["c", "s", 0, 0, 0] == 11
            assert await store.add_policy("y", "d", "", "x", 1, None, "", 0, Carried((), ("a", "c")))
            assert await store.renamed() == [("b", "c")], "a name that is there again is its own"

    asyncio.run(run())
