"""Asks the store who may come in under rate limits that several processes share: one turn at a time, in which all that is asked and
corrected meanwhile goes together. It decides nothing.
"""

import asyncio
import sys
import traceback
from collections.abc import Callable
from itertools import islice
from typing import Final

from orchvynt.decisions.limits.turns import BucketKey, Correction, Decided, Entered, Entering, RateTurn
from orchvynt.ports.clock import Clock
from orchvynt.ports.store import Store, StoreUnavailableError
from orchvynt.runtime.tasks import Tasks

ENTERING_A_TURN: Final = 128
TURN_S: Final = 1.0
"""An invocation waits for no longer: then each process counts by itself, as it does for a while after that."""
AWAY_S: Final = 1.0
CORRECTIONS_MAX: Final = 10_000
"""So many wait for a store that is away; what is left out leaks within a window."""

Heard = Callable[[Decided | None, int], None]
"""Called with what was decided and the store's clock; None where the store did not say it in time."""


class RateTurns:
    """The questions of one process, whose id is `process`. `problem` is why the store did not answer the last one, empty where it did."""

    def __init__(self, store: Store, process: str, clock: Clock, tasks: Tasks) -> None:
        self._store = store
        self.process = process
        self._clock = clock
        self._tasks = tasks
        self._entering: list[tuple[Entering, Heard]] = []
        self._corrections: list[Correction] = []
        # How many of this process run, and where that changed since the store heard of it.
        self._running: dict[BucketKey, int] = {}
        self._changed: dict[BucketKey, None] = {}
        self._under_way = False
        self._away_until = 0
        self.problem = ""

    @property
    def answers(self) -> bool:
        """Whether it is worth while to ask: a store that is away is asked again now and then."""
        return self._clock.monotonic() >= self._away_until

    def enter(self, entering: Entering, heard: Heard) -> None:
        self._entering.append((entering, heard))
        self._go()

    def correct(self, one: Correction, leaves: bool) -> None:
        """`leaves`: the invocation runs no longer."""
        if leaves:
            self._count((one.limit.name, one.subject), -1)
        if (one.debt or one.credit) and len(self._corrections) < CORRECTIONS_MAX:
            self._corrections.append(one)
        self._go()

    def _count(self, key: BucketKey, more: int) -> None:
        running = self._running.pop(key, 0) + more
        assert running >= 0, f"more left {key} than came"
        if running:
            self._running[key] = running
        self._changed[key] = None

    def _go(self) -> None:
        if not self._under_way and self.answers and (self._entering or self._corrections or self._changed):
            self._under_way = True
            self._tasks.start(self._take(), "count rate limits together")

    async def _take(self) -> None:
        asked, self._entering = self._entering[:ENTERING_A_TURN], self._entering[ENTERING_A_TURN:]
        corrections, self._corrections = self._corrections, []
        changed = dict.fromkeys(islice(self._changed, CORRECTIONS_MAX))
        for key in changed:
            del self._changed[key]
        turn = RateTurn(tuple([entering for entering, _ in asked]), tuple(corrections), dict.fromkeys(changed, 0))
        keys = turn.buckets()
        turn = RateTurn(turn.entering, turn.corrections, {key: self._running.get(key, 0) for key in keys})
        try:
            answer = await asyncio.wait_for(self._store.take_rate_turn(self.process, turn), TURN_S)
        except Exception as error:  # noqa: BLE001 - a loop top: whoever asked goes on, whatever is wrong with the question
            if not isinstance(error, StoreUnavailableError | TimeoutError):
                sys.stderr.write(f"orchvynt: counting rate limits together failed\n{traceback.format_exc()}")
            self.problem = str(error) or f"the store did not answer within {TURN_S:.0f} s"
            self._away_until = self._clock.monotonic() + int(AWAY_S * 1_000_000_000)
            # Whether it was heard is not known: levels may be off by one turn, and leak; how many run is said again.
            self._changed.update(dict.fromkeys(keys))
            asked, self._entering = asked + self._entering, []
            decided: list[Decided | None] = [None] * len(asked)
            now = 0
        else:
            self.problem, now, decided = "", answer.now, list(answer.decided)
        finally:
            self._under_way = False
        for (entering, heard), one in zip(asked, decided, strict=True):
            if isinstance(one, Entered):
                for applied in entering.applied:
                    key = (applied.limit.name, applied.subject)
                    self._running[key] = self._running.get(key, 0) + 1
            heard(one, now)
        if not self.answers:
            await asyncio.sleep(AWAY_S)
        self._go()
