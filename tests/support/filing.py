"""Waits for a store that could not file for a while."""

import asyncio

from orchvynt.ports.store import Store, StoreUnavailableError

TRIES = 200
PAUSE_S = 0.05


async def settled_at_last(store: Store) -> None:
    """What failed is tried again after a moment; until then whoever asks is told why."""
    for _ in range(TRIES):
        try:
            await store.settled()
        except StoreUnavailableError:
            await asyncio.sleep(PAUSE_S)
        else:
            return
    await store.settled()
