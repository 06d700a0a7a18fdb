"""Waits for the writer's thread, and not for good: a database that does not answer must not hold up who asks."""

import asyncio
from concurrent.futures import Future
from typing import Final, TypeVar

from orchvynt.ports.store import StoreUnavailableError

T = TypeVar("T")

ANSWER_S: Final = 20.0
CLEARING_S: Final = 3600.0
"""What takes things away for good clears the whole of the store."""


async def answered(future: Future[T], seconds: float = ANSWER_S) -> T:
    """What the writer gives. Raises what it raises, and StoreUnavailableError when the time is up."""
    try:
        async with asyncio.timeout(seconds):
            return await asyncio.wrap_future(future)
    except TimeoutError:
        raise StoreUnavailableError(
            f"it has not answered within {seconds:g} s. A change that was asked for may still be made: look before it is made again."
        ) from None
