"""An event loop that a test turns by hand: what waits for a receiver goes on when the test has played its part."""

import asyncio
import weakref
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
TURNS = 12
"""So many turns of the loop a message takes at most from the outbox to its receiver, and its answer back."""


class Turning:
    """The loop is closed with the object."""

    def __init__(self) -> None:
        runner = asyncio.Runner()
        self._runner = runner
        weakref.finalize(self, runner.close)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs it, and then whatever it has begun, until that waits."""
        done = self._runner.run(work)
        self.turns()
        return done

    def turns(self) -> None:
        async def some() -> None:
            for _ in range(TURNS):
                await asyncio.sleep(0)

        self._runner.run(some())
