"""What processes of one store say to one another arrives, at the others, at least once."""

import asyncio

from tests.contract.wakeups.conftest import Meeting


def test_a_hint_arrives_at_all_others_and_not_at_home(meeting: Meeting) -> None:
    async def run() -> None:
        async with meeting(3) as (one, two, three):
            assert not one.wakeups.alone
            one.wakeups.tell("policy", "7")
            two.wakeups.tell("reviews")
            await asyncio.gather(
                two.hears(("policy", "7")), three.hears(("policy", "7")), one.hears(("reviews", "")), three.hears(("reviews", ""))
            )
            assert ("policy", "7") not in one.heard
            assert ("reviews", "") not in two.heard

    asyncio.run(run())


def test_hints_come_in_the_order_in_which_one_process_told_them(meeting: Meeting) -> None:
    async def run() -> None:
        async with meeting(2) as (one, two):
            for number in range(100):
                one.wakeups.tell("policy", str(number))
            await two.hears(("policy", "99"))
            assert two.heard == [("policy", str(number)) for number in range(100)]

    asyncio.run(run())


def test_texts_arrive_as_they_were(meeting: Meeting) -> None:
    said = "päyload \x00 \U0001f600 ' \" \\ \n"

    async def run() -> None:
        async with meeting(2) as (one, two):
            one.wakeups.tell("held", said)
            await two.hears(("held", said))

    asyncio.run(run())


def test_a_burst_that_is_too_much_is_everything(meeting: Meeting) -> None:
    async def run() -> None:
        async with meeting(2) as (one, two):
            for number in range(5_000):
                one.wakeups.tell("held", str(number))
            one.wakeups.tell("policy", "8")
            await two.hears(("policy", "8"))
            assert len(two.heard) == 5_001 or ("everything", "") in two.heard

    asyncio.run(run())


def test_one_that_left_disturbs_nobody_and_tells_nothing(meeting: Meeting) -> None:
    async def run() -> None:
        async with meeting(3) as (one, two, three):
            await two.wakeups.close()
            one.wakeups.tell("keys")
            await three.hears(("keys", ""))
            assert two.heard == []
            await two.wakeups.close()

    asyncio.run(run())
