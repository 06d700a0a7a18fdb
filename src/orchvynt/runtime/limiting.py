"""Rate limits as the lives of this process meet them: who is let in, what it used, and that it runs no longer."""

from collections.abc import Sequence
from typing import Final

from orchvynt.decisions.limits.limiter import Limiter, Over, Ticket
from orchvynt.decisions.limits.refusals import rate_limited
from orchvynt.decisions.routing.statistics import Statistics
from orchvynt.dialects.rate_headers import rate_headers
from orchvynt.language.scope import RequestValues
from orchvynt.language.snapshot import Snapshot
from orchvynt.lifecycle.arriving import arrive
from orchvynt.model import facts
from orchvynt.model.faults import Fault
from orchvynt.model.rates import Gauges
from orchvynt.ports.clock import Clock
from orchvynt.runtime.life import Life

# What is parked may wait for days: it leaves, too, and goes on uncounted.
_RUNS_NO_LONGER: Final = (facts.InvocationFinished, facts.ReviewOpened, facts.StreamEnded)


class Limiting:
    """Shares the limiter over all lives. A life that no limit applies to has no ticket, and costs nothing here."""

    def __init__(self, statistics: Statistics, clock: Clock) -> None:
        self.limiter = Limiter()
        self._statistics = statistics
        self._clock = clock

    def enter(self, life: Life, values: RequestValues) -> Fault | None:
        """Counts a new life, or says why it may not come in now."""
        snapshot = life.snapshot
        if not snapshot.rate_limits:
            return None
        said = arrive(snapshot, life.state.invocation, values, self.limiter, self._statistics, self._clock.monotonic())
        if isinstance(said, Ticket):
            life.ticket = said
            self._tell(life, self.limiter.gauges(said))
        elif isinstance(said, Over):
            self._tell(life, said.gauges)
            return rate_limited(said)
        return said if isinstance(said, Fault) else None

    def written(self, life: Life, noted: Sequence[facts.AnyFact]) -> None:
        """What was settled is counted; a life that runs no longer leaves, so that its answer tells what remains now."""
        ticket = life.ticket
        if ticket is None:
            return
        for fact in noted:
            if isinstance(fact, facts.AttemptSettled):
                self.limiter.use(ticket, fact.usage.total_tokens, self._clock.monotonic())
            elif isinstance(fact, _RUNS_NO_LONGER) or (isinstance(fact, facts.AnswerDelivered) and not fact.streaming):
                # Gates that only look at the answer may keep the life: its caller's limits are free all the same.
                self.leave(life)

    def leave(self, life: Life) -> None:
        """Whatever became of it; once, and again is nothing."""
        ticket, life.ticket = life.ticket, None
        if ticket is not None:
            self.limiter.leave(ticket, self._clock.monotonic())
            self._tell(life, self.limiter.gauges(ticket))

    def _tell(self, life: Life, gauges: Gauges) -> None:
        life.rate_headers = rate_headers(life.state.invocation.dialect, gauges, self._clock.now())

    def forget(self, snapshot: Snapshot) -> None:
        """Limits that the policy in force no longer has are dropped, once nobody runs under them."""
        self.limiter.forget_all_but(snapshot.rate_limits)
