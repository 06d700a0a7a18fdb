"""Says that this process is there, and carries to its end what processes of its machine left that died: each by one, and once."""

import asyncio
import sys
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from orchvynt.ports.clock import Clock
from orchvynt.ports.journal import Journal, JournalUnavailableError
from orchvynt.ports.processes import BEAT_NS, ProcessState, TakenOver
from orchvynt.ports.store import Store, StoreUnavailableError
from orchvynt.runtime.policies import Policies
from orchvynt.runtime.recovery import ends_of

LOOK_S: Final = 1.0
BEAT_LOOKS: Final = BEAT_NS // int(LOOK_S * 1_000_000_000)


class Succession:
    """`taken_over` are those whose ends the start wrote already."""

    def __init__(
        self, store: Store, journal: Journal, clock: Clock, policies: Policies, say: Callable[[str], None], taken_over: Iterable[TakenOver]
    ) -> None:
        self._store = store
        self._journal = journal
        self._clock = clock
        self._policies = policies
        self._say = say
        self._waiting = list(taken_over)
        self._troubled = False
        self.state: ProcessState = "serving"

    async def run(self) -> None:
        looks = 0
        while True:
            if self._store.is_shared or self._waiting:
                await self.look(beats=looks % BEAT_LOOKS == 0)
            looks += 1
            await asyncio.sleep(LOOK_S)

    async def drain(self) -> None:
        """Others see that this process takes nothing new."""
        self.state = "draining"
        if self._store.is_shared:
            with suppress(StoreUnavailableError):
                await self._store.beat(self.state)

    async def look(self, beats: bool) -> None:
        try:
            if beats:
                await self._store.beat(self.state)
            self._waiting += await self._store.take_over()
            while self._waiting:
                await self._end(self._waiting[0])
                del self._waiting[0]
        except (StoreUnavailableError, JournalUnavailableError) as error:
            self._told(str(error))
        except Exception:  # noqa: BLE001 - a loop top: a defect at one dead process must not leave all others
            sys.stderr.write(f"orchvynt: looking after other processes failed\n{traceback.format_exc()}")
        else:
            self._told("")

    async def _end(self, one: TakenOver) -> None:
        # INVARIANT: what an earlier try wrote is in the store, or it would be written twice.
        await self._store.settled()
        ends = await ends_of(self._store, one.process, self._clock.now(), self._policies.current)
        for noted in ends.facts.values():
            self._journal.append(noted)
        await self._store.settled()
        await self._store.cut_off(one.process, self._clock.now())
        # INVARIANT: here, and nowhere else, all that it spent and held is settled in the store: its leases of budgets end here.
        await self._store.end_leases(one.process)
        await self._store.end_rates(one.process)
        await self._store.bury(one.process)
        for line in one.told:
            self._say(f"{one.journal}: {line}")
        attempts = f"{len(ends.holds)} attempts ({ends.settled} at their bound), {ends.unfinished} invocations"
        self._say(f"process {one.process} died; what it had open has ended here: {attempts}")

    def _told(self, problem: str) -> None:
        """Once when it begins, whatever its words become, and once when it is over."""
        if problem and not self._troubled:
            self._say(f"warning: processes that died cannot be looked after now: {problem}")
        elif not problem and self._troubled:
            self._say("processes that died are looked after again")
        self._troubled = bool(problem)
