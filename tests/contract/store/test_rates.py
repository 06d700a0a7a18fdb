"""Rate limits in the store: decided in one transaction over buckets that all processes share, with what each says of its own."""

import asyncio
import time

from tests.contract.store.conftest import Opener, Pair

from orchvynt.decisions.limits.application import Applied
from orchvynt.decisions.limits.charging import Need, Over
from orchvynt.decisions.limits.turns import BucketKey, Correction, Decided, Entered, Entering, RateTurn
from orchvynt.language.compiled_budgets import RateLimit

HOUR = 3_600_000_000_000
MONTH = 30 * 24 * HOUR
SLOW_TOKENS = RateLimit("slow tokens", "agent", None, MONTH, tokens=1_000)
THREE = RateLimit("three", "agent", None, HOUR, invocations=3)
TOKENS = RateLimit("tokens", "agent", None, MONTH, tokens=1_000_000_000)
TWO_AT_ONCE = RateLimit("two at once", "agent", None, HOUR, concurrent=2)
ODD = "s\0é"


def entering(*limits: RateLimit, subject: str = ODD, tokens: int = 1) -> Entering:
    return Entering(tuple(Applied(limit, subject) for limit in limits), Need(tokens))


async def take(pair: Pair, *asked: Entering, running: dict[BucketKey, int] | None = None, process: str = "prc_a") -> list[Decided]:
    return list((await pair.store.take_rate_turn(process, RateTurn(asked, (), running or {}))).decided)


async def standing(pair: Pair, *limits: RateLimit) -> dict[BucketKey, tuple[int, int, int, int]]:
    """Invocations and tokens in whole ones, how many run, how many were refused."""
    return {
        (limit.name, subject): (-(-b.calls // limit.window_ns), -(-b.tokens // limit.window_ns), b.running, b.refused)
        for limit, subject, b in await pair.store.rate_buckets(limits)
    }


def test_all_that_come_are_counted_together_whoever_asks(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            turns = [take(pair, entering(THREE), entering(THREE), process=f"prc_{name}") for name in "abc"]
            decided = [one for found in await asyncio.gather(*turns) for one in found]
            assert sum(isinstance(one, Entered) for one in decided) == 3
            over = next(one for one in decided if isinstance(one, Over))
            assert (over.limit.name, over.subject, over.remaining) == ("three", ODD, 0)
            assert 0 < over.wait_ns <= HOUR // 3
            assert isinstance((await take(pair, entering(THREE, subject="another")))[0], Entered)
            calls, _, _, refused = (await standing(pair, THREE))["three", ODD]
            assert (calls, refused) == (3, 3)

    asyncio.run(run())


def test_whoever_is_refused_by_one_limit_is_counted_in_none(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            for _ in range(3):
                await take(pair, entering(THREE, SLOW_TOKENS, tokens=10))
            (refused,) = await take(pair, entering(THREE, SLOW_TOKENS, tokens=10))
            assert isinstance(refused, Over)
            found = await standing(pair, THREE, SLOW_TOKENS)
            assert found["slow tokens", ODD][1] == 30

    asyncio.run(run())


def test_what_was_charged_is_corrected_and_levels_are_exact_beyond_64_bits(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            answer = await pair.store.take_rate_turn("prc_a", RateTurn((entering(TOKENS, tokens=900_000_000),)))
            assert abs(answer.now - time.time_ns()) < 60_000_000_000
            (entered,) = answer.decided
            assert isinstance(entered, Entered)
            ((charged, bucket),) = entered.parts
            assert (charged, bucket.tokens) == (900_000_000, 900_000_000 * MONTH)
            back = Correction(TOKENS, ODD, credit=899_000_000, level=bucket.tokens, at=answer.now)
            await pair.store.take_rate_turn("prc_a", RateTurn((), (back, Correction(TOKENS, ODD, debt=5_000_000))))
            (_, tokens, _, _) = (await standing(pair, TOKENS))["tokens", ODD]
            leaked = (time.time_ns() - answer.now) * 1_000_000_000 // MONTH + 1
            assert 6_000_000 - leaked <= tokens <= 6_000_000

    asyncio.run(run())


def test_how_many_run_is_what_each_process_says_of_itself(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            key = (TWO_AT_ONCE.name, ODD)
            own = pair.store.process
            decided = await take(pair, *[entering(TWO_AT_ONCE)] * 3, process=own)
            assert [type(one) for one in decided] == [Entered, Entered, Over]
            # It says it again, as a turn whose answer was lost: it is no more than before.
            assert [type(one) for one in await take(pair, entering(TWO_AT_ONCE), running={key: 2}, process=own)] == [Over]
            assert isinstance((await take(pair, entering(TWO_AT_ONCE), running={key: 1}, process=own))[0], Entered)
            assert isinstance((await take(pair, entering(TWO_AT_ONCE), running={}, process="prc_other"))[0], Over)
            assert (await standing(pair, TWO_AT_ONCE))[key][2] == 2
            await pair.store.end_rates(own)
            assert (await standing(pair, TWO_AT_ONCE)) == {}, "nothing runs, and nothing of it is left"

    asyncio.run(run())


def test_another_limit_under_the_name_keeps_what_was_used_and_another_window_does_not(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            for _ in range(3):
                await take(pair, entering(THREE))
            four, in_a_day = RateLimit("three", "agent", None, HOUR, 4), RateLimit("three", "agent", None, 24 * HOUR, 1)
            assert [type(one) for one in await take(pair, *[entering(four)] * 2)] == [Entered, Over]
            assert [type(one) for one in await take(pair, *[entering(in_a_day)] * 2)] == [Entered, Over]
            late = Correction(four, ODD, debt=1_000)
            await pair.store.take_rate_turn("prc_a", RateTurn((), (late,)))
            assert (await standing(pair, in_a_day))["three", ODD][:2] == (1, 0), "it was charged to levels that are gone"

    asyncio.run(run())


def test_what_is_full_again_is_forgotten_as_others_come(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            short = RateLimit("short", "agent", None, 1_000_000, invocations=1)
            for number in range(20):
                await take(pair, entering(short, subject=f"s{number}"))
            await pair.store.end_rates("prc_a")
            await asyncio.sleep(0.01)
            for number in range(20):
                await take(pair, entering(THREE, subject=f"t{number}"))
            assert len(await standing(pair, THREE)) == 20
            assert await standing(pair, short) == {}

    asyncio.run(run())
