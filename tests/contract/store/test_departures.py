"""When the callers of parked invocations left: of those only, the newest, over any number of batches and restarts."""

import asyncio

from tests.contract.store import lives
from tests.contract.store.conftest import Opener

from orchvynt.model.facts import CallerWaits, ReviewOpened
from orchvynt.model.review_facts import CLAIM_FOR_NS
from orchvynt.ports.departures import Departure

DAY = CLAIM_FOR_NS


def waits(number: int, at: int, how: str) -> CallerWaits:
    return CallerWaits(lives.inv_id(number), at, how)  # type: ignore[arg-type]  # one of its words


def opened(number: int, review: str, claim_for_ns: int) -> ReviewOpened:
    return ReviewOpened(lives.inv_id(number), lives.START, review, "g", ("people",), "k", "join", b"state", claim_for_ns=claim_for_ns)


def test_a_caller_waits_leaves_comes_back_and_leaves(opener: Opener) -> None:
    inv = lives.inv_id(4)

    async def run() -> None:
        async with opener() as pair:

            async def after(*facts: CallerWaits | ReviewOpened) -> list[Departure]:
                pair.journal.append(facts)
                await pair.store.settled()
                return await pair.store.departures()

            pair.journal.append((lives.received(4), lives.opened(4)))
            assert await after(waits(4, 1, "held")) == [Departure(inv, DAY, 0)]
            assert await after(waits(4, 2, "pending")) == [Departure(inv, DAY, 2)]
            assert await after(waits(4, 3, "joined")) == [Departure(inv, DAY, 0)]
            assert await after(waits(4, 4, "gone"), opened(4, "rev_4.2", 7)) == [Departure(inv, 7, 4)], "a further review is waited for too"

    asyncio.run(run())


def test_what_was_never_parked_has_none(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            pair.journal.append((lives.received(5), waits(5, 1, "gone")))
            pair.journal.append((lives.received(6), opened(6, "rev_6.1", 9), waits(6, 2, "gone")))
            await pair.store.settled()
            assert await pair.store.departures() == [Departure(lives.inv_id(6), 9, 2)]

    asyncio.run(run())
