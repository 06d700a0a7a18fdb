"""Rate limits as the lives of this process meet them: who is let in, what it used, and that it runs no longer."""

from collections.abc import Callable, Sequence
from typing import Final

from orchvynt.decisions.limits.buckets import Bucket
from orchvynt.decisions.limits.charging import Over
from orchvynt.decisions.limits.limiter import Limiter, Ticket
from orchvynt.decisions.limits.refusals import rate_limited
from orchvynt.decisions.limits.turns import Entering
from orchvynt.decisions.routing.statistics import Statistics
from orchvynt.dialects.rate_headers import rate_headers
from orchvynt.language.scope import RequestValues
from orchvynt.language.snapshot import RateLimit, Snapshot
from orchvynt.lifecycle.arriving import entering
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

    def arrives(self, life: Life, values: RequestValues, go_on: Callable[[], None]) -> None:  # noqa: ARG002 - who shares its limits asks about it
        """A new life is about to take its first step, which `go_on` brings about: at once, as nothing has to be asked before."""
        go_on()

    def enter(self, life: Life, values: RequestValues) -> Fault | None:
        """Counts a new life, or says why it may not come in now."""
        if not life.snapshot.rate_limits:
            return None
        asked = self._asked(life, values)
        return self._told(life, self._enter(asked)) if isinstance(asked, Entering) else asked

    def _enter(self, asked: Entering) -> Ticket | Over:
        return self.limiter.enter(asked.applied, asked.need, self._clock.monotonic())

    def stays_out(self, life: Life) -> None:
        """Nobody waits for it any more, before its first step: it does not come in."""

    def _asked(self, life: Life, values: RequestValues) -> Entering | Fault | None:
        return entering(life.snapshot, life.state.invocation, values, self._statistics, self._clock.monotonic())

    def _told(self, life: Life, said: Ticket | Over) -> Fault | None:
        if isinstance(said, Over):
            self._tell(life, said.gauges)
            return rate_limited(said)
        life.ticket = said
        self._tell(life, self.limiter.gauges(said))
        return None

    def written(self, life: Life, noted: Sequence[facts.AnyFact]) -> None:
        """What was settled is counted; a life that runs no longer leaves, so that its answer tells what remains now."""
        ticket = life.ticket
        if ticket is None:
            return
        for fact in noted:
            if isinstance(fact, facts.AttemptSettled):
                self._use(ticket, fact.usage.total_tokens)
            elif isinstance(fact, _RUNS_NO_LONGER) or (isinstance(fact, facts.AnswerDelivered) and not fact.streaming):
                # Gates that only look at the answer may keep the life: its caller's limits are free all the same.
                self.leave(life)

    def leave(self, life: Life) -> None:
        """Whatever became of it; once, and again is nothing."""
        ticket, life.ticket = life.ticket, None
        if ticket is not None:
            self._leave(ticket)
            self._tell(life, self.limiter.gauges(ticket))

    def _use(self, ticket: Ticket, tokens: int) -> None:
        self.limiter.use(ticket, tokens, self._clock.monotonic())

    def _leave(self, ticket: Ticket) -> None:
        self.limiter.leave(ticket, self._clock.monotonic())

    def _tell(self, life: Life, gauges: Gauges) -> None:
        life.rate_headers = rate_headers(life.state.invocation.dialect, gauges, self._clock.now())

    async def standing(self, limits: Sequence[RateLimit]) -> list[tuple[RateLimit, str, Bucket]]:
        """Every subject of these limits that says something. Raises StoreUnavailableError where others are to be asked."""
        return self.limiter.standing(limits, self._clock.monotonic())

    def forget(self, snapshot: Snapshot) -> None:
        """Limits that the policy in force no longer has are dropped, once nobody runs under them."""
        self.limiter.forget_all_but(snapshot.rate_limits)
