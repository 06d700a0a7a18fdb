"""How far a store is behind its journal is known at once."""

import asyncio

from tests.contract.store import lives
from tests.contract.store.conftest import Opener


def test_what_was_settled_is_filed_and_nothing_stands_in_the_way(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            before = pair.store.backlog()
            assert (before.filed, before.problem) == (before.written, "")
            pair.journal.append([lives.received(1), lives.routed(1)])
            assert pair.store.backlog().written >= before.written
            await pair.store.settled()
            after = pair.store.backlog()
            assert (after.filed, after.problem) == (after.written, "")
            assert after.written >= before.written

    asyncio.run(run())
