"""Leases in the store: decided in one transaction over all that is settled and leased there, and reduced by what is filed."""

import asyncio
import time

import msgspec
from tests.contract.store.conftest import Opener, Pair

from orchvynt.decisions.budgets.accounts import AccountKey
from orchvynt.decisions.budgets.leasing import Asked, Given
from orchvynt.decisions.budgets.portions import NOTHING, Portion
from orchvynt.language.snapshot import Limits
from orchvynt.model.facts import AttemptSettled, BudgetGranted, Reserved
from orchvynt.model.usage import NO_USAGE
from orchvynt.ports.carried import Carried
from orchvynt.ports.leases import Recall

HOUR = 3_600_000_000_000
LIFE: AccountKey = ("b", "s\0é", 0, 0)
HUNDRED = Limits(nanos=100)


def nanos(amount: int) -> Portion:
    return (amount, 0, 0, 0, 0)


def asked(need: int, key: AccountKey = LIFE, used: int = 0, **more: object) -> Asked:
    return msgspec.structs.replace(Asked(key, HUNDRED, nanos(used), nanos(need)), **more)


async def ask(pair: Pair, process: str, *questions: Asked) -> list[Given]:
    return list((await pair.store.lease(process, questions)).given)


async def settle(pair: Pair, amount: int, key: AccountKey = LIFE, slice_begins: int = 0) -> None:
    budget, subject, start, end = key
    rolls = end if not start else 0
    part = Reserved(budget, subject, slice_begins or start, amount, rolls_ns=rolls, ends_at=slice_begins + end if rolls else end)
    pair.journal.append([AttemptSettled("inv_1", time.time_ns(), "att_1", NO_USAGE, amount, (part,), "policy")])
    await pair.store.settled()


def test_what_is_leased_to_all_is_never_more_than_the_limit(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            (first,) = await ask(pair, "prc_a", asked(10, peers=4))
            assert first.granted[0] == 20, "a share of all, one more than there are processes"
            answers = await asyncio.gather(*(ask(pair, f"prc_{name}", asked(30)) for name in "bcdefgh"))
            granted = [given.granted[0] for (given,) in answers]
            assert sum(granted) + 20 <= 100
            assert sorted(granted)[-2:] == [30, 30], "who needs more than a share gets just that"
            assert {given.refused for (given,) in answers} == {"", "short"}
            (again,) = await ask(pair, "prc_a", asked(1))
            assert again.elsewhere[0] == sum(granted)

    asyncio.run(run())


def test_what_is_filed_is_settled_and_no_longer_left_of_the_lease(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            mine, others = pair.store.process, "prc_other"
            (before,) = await ask(pair, mine, asked(40))
            await ask(pair, others, asked(20))
            await settle(pair, 30)
            (given,) = await ask(pair, others, asked(1, used=20))
            assert (given.slices[0].settled[0], given.elsewhere[0]) == (30, before.granted[0] - 30)
            (own,) = await ask(pair, mine, asked(0, used=30))
            assert (own.granted, own.filed[0]) == (before.granted, 30)
            await settle(pair, 30)
            (over,) = await ask(pair, others, asked(1, used=20))
            assert (over.slices[0].settled[0], over.elsewhere[0]) == (60, 0), "an overrun leaves nothing"
            rows = await pair.store.leases(0)
            assert [(row.key, row.settled[0], sorted(lease.process for lease in row.leases)) for row in rows] == [
                (LIFE, 60, sorted([mine, others]))
            ]

    asyncio.run(run())


def test_one_turn_answers_for_all_accounts_of_a_subject(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            now = time.time_ns()
            hour = ("h", "s", now - now % HOUR, now - now % HOUR + HOUR)
            rolling = ("r", "s", 0, HOUR)
            await settle(pair, 7, rolling, now - 100)
            await settle(pair, 90, rolling, now - 3 * HOUR)
            await settle(pair, 5, hour)
            answer = await pair.store.lease("prc_a", [asked(1), asked(1, hour), asked(1, rolling)])
            assert [sum(one.settled[0] for one in given.slices) for given in answer.given] == [0, 5, 7]
            assert [given.slices[0].ends_at for given in answer.given[1:]] == [hour[3], now - 100 + HOUR]
            assert abs(answer.now - time.time_ns()) < HOUR // 2
            assert not any(given.refused for given in answer.given)

    asyncio.run(run())


def test_windows_are_those_of_the_stores_clock(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            now = time.time_ns()
            begins = now - now % HOUR
            for hours in (-1, 1):
                key = ("h", "s", begins + hours * HOUR, begins + (hours + 1) * HOUR)
                (given,) = await ask(pair, "prc_a", asked(1, key))
                assert (given.refused, given.granted) == ("not_now", NOTHING)

    asyncio.run(run())


def test_who_waits_is_served_before_who_comes_later_and_others_are_told(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            await ask(pair, "prc_a", asked(50, peers=1))
            (short,) = await ask(pair, "prc_b", asked(60, waits=True))
            assert short.refused == "short"
            assert await pair.store.recalls("prc_a") == [Recall(LIFE, nanos(60))]
            assert await pair.store.recalls("prc_b") == []
            assert await pair.store.recalls("prc_c") == []
            (later,) = await ask(pair, "prc_c", asked(10, waits=True))
            assert later.refused == "short", "what is free is waited for"
            (kept,) = await ask(pair, "prc_a", asked(0, keep=nanos(10)))
            assert kept.granted == nanos(10)
            (served,) = await ask(pair, "prc_b", asked(60))
            assert (served.refused, served.granted[0]) == ("", 60)
            assert await pair.store.recalls("prc_a") == [Recall(LIFE, nanos(10))]

    asyncio.run(run())


def test_a_lease_ends_with_its_process_or_when_all_of_it_is_settled(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            mine = pair.store.process
            await ask(pair, mine, asked(50))
            await ask(pair, "prc_dead", asked(40))
            (short,) = await ask(pair, "prc_b", asked(60))
            assert short.refused == "short", "a dead process's lease counts as spent"
            await pair.store.end_leases("prc_dead")
            (early,) = await ask(pair, mine, asked(0, used=20, keep=NOTHING, closes=True))
            assert (early.closed, early.granted[0]) == (False, 20), "what is settled here is not filed yet"
            await settle(pair, 20)
            for _ in range(2):
                (closed,) = await ask(pair, mine, asked(0, used=20, keep=NOTHING, closes=True))
                assert closed.closed, "also where the first answer was lost"
            (served,) = await ask(pair, "prc_b", asked(80))
            assert served.refused == ""

    asyncio.run(run())


def test_leases_are_carried_with_the_policy_and_filed_under_either_name(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            store, mine = pair.store, pair.store.process
            new = ("c", *LIFE[1:])
            await ask(pair, mine, asked(50))
            (both,) = await ask(pair, mine, asked(10, new))
            await settle(pair, 5)
            assert await store.add_policy("y", "d", "", "x", 1, 0, "", 0, Carried((("b", "c"),), ("c",)))
            (old,) = await ask(pair, mine, asked(10))
            assert old.refused == "renamed"
            await settle(pair, 7)
            (given,) = await ask(pair, mine, asked(0, new, used=12))
            assert (given.granted[0], given.filed[0]) == (50 + both.granted[0], 12)
            assert sum(one.settled[0] for one in given.slices) == 12
            assert [row.key for row in await store.leases(0)] == [new]

    asyncio.run(run())


def test_too_little_comes_with_what_people_granted(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            gift = BudgetGranted("", time.time_ns(), "grant_1", "b", LIFE[1], 0, 0, 0, 30, 0, "ana@example.com", "why")
            over = msgspec.structs.replace(gift, grant="grant_0", until=5)
            pair.journal.append([gift, over])
            await pair.store.settled()
            (given,) = await ask(pair, "prc_a", asked(10))
            assert given.grants == ()
            (short,) = await ask(pair, "prc_a", asked(110))
            assert [one.grant for one in short.grants] == ["grant_1"]

    asyncio.run(run())


def test_a_lifetime_that_nobody_used_begins_anew(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            await settle(pair, 95)
            await asyncio.sleep(0.01)
            (over,) = await ask(pair, "prc_a", asked(10, idle_ns=1_000_000))
            assert over.refused == "anew"
            (given,) = await ask(pair, "prc_a", asked(10, idle_ns=HOUR))
            assert (given.refused, given.slices) == ("", ())
            assert await pair.store.spend() == []

    asyncio.run(run())


def test_a_threshold_is_told_by_who_says_so_first(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            answers = await asyncio.gather(*(ask(pair, f"prc_{number}", asked(0, share=5_000)) for number in range(4)))
            assert sorted(given.told for (given,) in answers) == [0, 5_000, 5_000, 5_000]
            assert [given.told for given in await ask(pair, "prc_a", asked(0, share=8_000))] == [5_000]
            assert [given.told for given in await ask(pair, "prc_b", asked(0, share=6_000))] == [8_000]

    asyncio.run(run())


def test_leases_of_windows_that_are_over_are_dropped(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            now = time.time_ns()
            hour = ("h", "s", now - now % HOUR, now - now % HOUR + HOUR)
            await ask(pair, "prc_a", asked(1), asked(1, hour), asked(1, ("r", "s", 0, HOUR)))
            assert [row.key[0] for row in await pair.store.leases(now)] == ["b", "h", "r"]
            assert [row.key[0] for row in await pair.store.leases(now + HOUR)] == ["b", "r"]
            await pair.store.forget_spend(now + 2 * HOUR, ())
            assert [row.key[0] for row in await pair.store.leases(now)] == ["b", "r"]

    asyncio.run(run())
