"""Rate limits in a process that shares its store: who comes in is counted there, for all processes. While the store does not answer, each
process counts by itself.
"""

from collections.abc import Callable, Sequence
from functools import partial

from orchvynt.decisions.limits.buckets import Bucket, Buckets
from orchvynt.decisions.limits.charging import Over
from orchvynt.decisions.limits.limiter import Part, Ticket
from orchvynt.decisions.limits.turns import Correction, Decided, Entered, Entering
from orchvynt.decisions.routing.statistics import Statistics
from orchvynt.language.scope import RequestValues
from orchvynt.language.snapshot import RateLimit
from orchvynt.model.faults import Fault
from orchvynt.ports.clock import Clock
from orchvynt.ports.store import Store
from orchvynt.runtime.life import Life
from orchvynt.runtime.limiting import Limiting
from orchvynt.runtime.rate_turns import RateTurns
from orchvynt.runtime.tasks import Tasks


class SharedTicket(Ticket):
    """What an invocation holds of limits whose buckets are in the store. Its parts stand on copies of those, as they were when it came in
    at `at` by the store's clock: they tell its caller what remains."""

    __slots__ = ("at", "entering")

    def __init__(self, entering: Entering, entered: Entered, at: int, mono: int) -> None:
        parts = []
        for applied, (charged, bucket) in zip(entering.applied, entered.parts, strict=True):
            bucket.at = mono
            parts.append(Part(Buckets(applied.limit), bucket, charged, mono))
        super().__init__(tuple(parts))
        self.entering = entering
        self.at = at


class SharedLimiting(Limiting):
    """`turns` ask the store. A life that came in while that did not answer has a ticket of this process alone; `alone` counts them."""

    def __init__(self, statistics: Statistics, clock: Clock, store: Store, process: str, tasks: Tasks) -> None:
        super().__init__(statistics, clock)
        self._store = store
        self.turns = RateTurns(store, process, clock, tasks)
        self._heard: dict[str, SharedTicket | Over] = {}
        self.alone = 0

    async def begin(self) -> None:
        """Nothing of what an earlier life of this process had running runs. Raises StoreUnavailableError."""
        await self._store.end_rates(self.turns.process)

    def arrives(self, life: Life, values: RequestValues, go_on: Callable[[], None]) -> None:
        """It goes on when the store has said whether it may come in. What else happens to it meanwhile catches it up: then it is counted
        here."""
        asked = self._asked(life, values)
        if not isinstance(asked, Entering):
            go_on()
        elif self.turns.answers:
            self.turns.enter(asked, partial(self._hear, life, asked, life.ahead, go_on))
        else:
            go_on()

    def _hear(self, life: Life, asked: Entering, ahead: object, go_on: Callable[[], None], decided: Decided | None, at: int) -> None:
        said = SharedTicket(asked, decided, at, self._clock.monotonic()) if isinstance(decided, Entered) else decided
        if life.ahead is not ahead:
            if isinstance(said, SharedTicket):
                self._leave(said)
            return
        if said is not None:
            self._heard[life.id] = said
        go_on()

    def enter(self, life: Life, values: RequestValues) -> Fault | None:
        said = self._heard.pop(life.id, None)
        return super().enter(life, values) if said is None else self._told(life, said)

    def _enter(self, asked: Entering) -> Ticket | Over:
        self.alone += 1
        return super()._enter(asked)

    def stays_out(self, life: Life) -> None:
        """What the store said of it is given back; if it has not said so yet, when it does."""
        said = self._heard.pop(life.id, None)
        if isinstance(said, SharedTicket):
            self._leave(said)

    def _use(self, ticket: Ticket, tokens: int) -> None:
        if not isinstance(ticket, SharedTicket):
            super()._use(ticket, tokens)
            return
        charged = [part.charged for part in ticket.parts]
        super()._use(ticket, tokens)
        for applied, part, before in zip(ticket.entering.applied, ticket.parts, charged, strict=True):
            if part.charged > before:
                self.turns.correct(Correction(applied.limit, applied.subject, debt=part.charged - before), leaves=False)

    def _leave(self, ticket: Ticket) -> None:
        if not isinstance(ticket, SharedTicket) or ticket.left:
            super()._leave(ticket)
            return
        for applied, part in zip(ticket.entering.applied, ticket.parts, strict=True):
            unused = max(0, part.charged - ticket.used)
            self.turns.correct(Correction(applied.limit, applied.subject, 0, unused, part.level, ticket.at), leaves=True)
        super()._leave(ticket)

    async def standing(self, limits: Sequence[RateLimit]) -> list[tuple[RateLimit, str, Bucket]]:
        return await self._store.rate_buckets(limits)
