"""Changes of the policy that wait are kept with their text, and decided by whoever is first."""

import asyncio

import msgspec
from tests.contract.store.conftest import Opener

from orchvynt.model.facts import Vote
from orchvynt.ports.changes import ChangeRow

CHANGE = ChangeRow("chg_2", "version: 1\n", "d", "p.yaml", "why\n<b>", "ana@example.com", 20, 3, ("gate g is removed",), "risk", 2, True)
OLDER = msgspec.structs.replace(CHANGE, change="chg_1", at=10)


def test_a_change_waits_with_its_text(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            store = pair.store
            for row in (CHANGE, OLDER):
                await store.add_change(row)
            assert await store.change("chg_2") == CHANGE
            assert await store.change("chg_9") is None
            assert await store.changes(only_open=True) == [msgspec.structs.replace(row, yaml="") for row in (OLDER, CHANGE)]

    asyncio.run(run())


def test_whoever_is_first_decides(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            store = pair.store
            await store.add_change(CHANGE)
            voted = msgspec.structs.replace(CHANGE, votes=(Vote("ben@example.com", "approve", "", 30),), revision=1)
            assert await asyncio.gather(*(store.put_change(voted) for _ in range(8))) == [True] + [False] * 7
            rejected = msgspec.structs.replace(voted, status="rejected", decided_by="cy@example.com", decided_at=40, revision=2)
            assert await store.put_change(rejected)
            assert not await store.put_change(rejected)
            assert not await store.put_change(msgspec.structs.replace(rejected, change="chg_9"))
            assert await store.change("chg_2") == rejected
            assert await store.changes(only_open=True) == []
            assert [row.status for row in await store.changes(only_open=False)] == ["rejected"]

    asyncio.run(run())
