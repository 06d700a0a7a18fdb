"""Performs `Admit`: asks health and ledger for a candidate, places its hold, or lets it wait for holds in flight."""

from collections.abc import Callable
from typing import Final

from orchvynt.decisions.budgets.ledger import Ledger
from orchvynt.decisions.budgets.measured import OutputSizes
from orchvynt.decisions.budgets.sizing import Short
from orchvynt.decisions.fallback.health import Health
from orchvynt.lifecycle.commands import Admit
from orchvynt.lifecycle.events import Admitted, AnyEvent, HoldsAwaited, NotAdmitted
from orchvynt.lifecycle.weighing import Weighed, resting, weigh
from orchvynt.model.facts import Reserved
from orchvynt.ports.clock import Clock
from orchvynt.runtime.life import Life
from orchvynt.runtime.waiting import HoldQueue, Waiter

# The longest calendar window, and a day.
ENDED_WINDOW_NS: Final = 32 * 86_400 * 1_000_000_000

Feed = Callable[[Life, AnyEvent], None]


class Admitting:
    """Shares the ledger, the health of models and the queue of waiters over all lives of the process."""

    def __init__(self, ledger: Ledger, health: Health, sizes: OutputSizes, clock: Clock, feed: Feed) -> None:
        self.ledger = ledger
        self.health = health
        self.sizes = sizes
        self.clock = clock
        self.queue = HoldQueue(ledger)
        self._feed = feed

    def admit(self, life: Life, command: Admit) -> None:
        at, mono = self.clock.now(), self.clock.monotonic()
        if not command.although_resting and (refusal := resting(life.state, self.health, at, mono)):
            self._feed(life, refusal)
            return
        weighed = weigh(life.snapshot, life.state, self.ledger, self.sizes, at, mono)
        if isinstance(weighed, NotAdmitted):
            self._feed(life, weighed)
            return
        short = self._place(life, command.attempt, weighed, at, mono, behind=True)
        if short is not None:
            self._wait(life, command, weighed, short, at, mono)

    def _place(self, life: Life, attempt: str, weighed: Weighed, at: int, mono: int, behind: bool) -> Short | None:
        """Places the hold and goes on; or says what it has to wait for. `behind`: it stands behind those who wait already."""
        result = weighed.result
        if isinstance(result, Short):
            return result
        if behind and weighed.lines and (line := self.queue.blocked(weighed.lines)):
            return Short(line, True, "tokens", line.tokens_limit or 0, 0, 0, result.tokens)
        life.lines = weighed.lines
        reserved = self.ledger.place(attempt, weighed.lines, result.nanos, result.tokens)
        self._feed(life, Admitted(at, mono, result, reserved, weighed.input_tokens_bound))
        return None

    def _wait(self, life: Life, command: Admit, weighed: Weighed, short: Short, at: int, mono: int) -> None:
        if not short.waits or not short.line.wait_ns:
            self._feed(life, NotAdmitted(at, mono, "budget", short))
            return
        if self.queue.full:
            self._feed(life, NotAdmitted(at, mono, "queue_full", short))
            return
        due = min(mono + short.line.wait_ns, life.arrived + life.state.invocation.caller_timeout_ns)
        waiter = Waiter(life, short, weighed.lines, due, lambda one: self._again(life, command.attempt, one))
        life.queued = waiter
        self.queue.enter(waiter)
        self._feed(life, HoldsAwaited(at, mono, short))

    def _again(self, life: Life, attempt: str, waiter: Waiter) -> Short | None:
        """Weighs a waiter that is out of the queue for the moment; None if it is through, one way or the other."""
        at, mono = self.clock.now(), self.clock.monotonic()
        weighed = weigh(life.snapshot, life.state, self.ledger, self.sizes, at, mono)
        if isinstance(weighed, Weighed):
            if isinstance(weighed.result, Short) and weighed.result.waits:
                waiter.lines = weighed.lines
                return weighed.result
            life.queued = None
            short = self._place(life, attempt, weighed, at, mono, behind=False)
            if short is not None:
                self._feed(life, NotAdmitted(at, mono, "budget", short))
            return None
        life.queued = None
        self._feed(life, weighed)
        return None

    def leave(self, life: Life) -> None:
        """The life waits no longer."""
        waiter, life.queued = life.queued, None
        if isinstance(waiter, Waiter):
            self.queue.leave(waiter)

    def release(self, attempt: str, settled: tuple[Reserved, ...] = ()) -> None:
        """Ends a hold and wakes who waited for it."""
        parts = self.ledger.release(attempt, settled)
        if parts:
            self.queue.wake([(part.budget, part.subject, part.window) for part in parts])

    def sweep(self, now: int) -> None:
        """Tells those whose time is up."""
        if not self.queue.count:
            return
        for waiter in self.queue.overdue(now):
            life = waiter.life
            if life.queued is waiter:
                short = waiter.short
                self.leave(life)
                self._feed(life, NotAdmitted(self.clock.now(), now, "budget", short, waited=True))

    def forget_ended(self, at: int) -> None:
        """Drops the accounts of windows that ended for certain; what stands in them is in the store."""
        ended = [key for key in self.ledger.accounts if 0 < key[2] < at - ENDED_WINDOW_NS]
        self.ledger.forget(ended)
