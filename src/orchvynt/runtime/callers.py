"""The connections that wait for each life: attach, hold, answer, refuse, and notice when they are gone or slow."""

import sys
import traceback
from collections.abc import Callable
from typing import Concatenate, Final, ParamSpec

from orchvynt.decisions.budgets.leased_ledger import LeasedLedger
from orchvynt.decisions.budgets.ledger import Ledger
from orchvynt.decisions.budgets.overflow import own_limits, used
from orchvynt.decisions.budgets.refusals import amount_of
from orchvynt.dialects import registry
from orchvynt.dialects.shapes import Notes
from orchvynt.model.faults import Fault
from orchvynt.ports.clock import Clock
from orchvynt.runtime import answers
from orchvynt.runtime.life import Caller, Life

KEEP_ALIVE_NS: Final = 15_000_000_000
# A caller's own timeout less this is how long it is held: the answer must reach it before it gives up.
GRACE_NS: Final = 10_000_000_000

P = ParamSpec("P")


class Callers:
    """`gone(life)` is called when the last caller of a life has closed its connection."""

    def __init__(self, clock: Clock, ledger: Ledger, gone: Callable[[Life], None]) -> None:
        self.clock = clock
        self._account = ledger.own if isinstance(ledger, LeasedLedger) else ledger.account
        self._gone = gone

    def attach(self, life: Life, caller: Caller) -> None:
        """From now on the caller waits with this life."""
        line = caller.line
        life.callers.append(caller)
        line.on_gone = lambda: self._left(life, caller)
        if life.state.invocation.ask.stream:
            # Nothing of an answer that is not streamed comes before all of it: there is nothing to hold back.
            line.on_full = lambda: life.exchange.pause() if life.exchange else None
            line.on_drained = lambda: life.exchange.resume() if life.exchange else None

    def detach(self, life: Life, caller: Caller) -> None:
        if caller in life.callers:
            life.callers.remove(caller)
        caller.line.on_gone = caller.line.on_full = caller.line.on_drained = None

    def _left(self, life: Life, caller: Caller) -> None:
        self.detach(life, caller)
        if not life.callers:
            self._gone(life)

    def start_stream(self, life: Life, first: bytes) -> None:
        dialect = registry.caller(life.state.invocation.dialect)
        for caller in life.callers:
            if not caller.opened:
                answers.start(caller, answers.start_headers(life), dialect.stream_type)
            if first:
                caller.line.write(first)

    def end_stream(self, life: Life, finish: Callable[[Notes], bytes]) -> None:
        """`finish` gives the closing bytes for the notes that a caller has not heard yet."""
        now, remaining = self.clock.monotonic(), self.remaining(life)

        self._tell_all(life, _end, finish, now, remaining)

    def deliver(self, life: Life) -> None:
        self._tell_all(life, answers.deliver, self.clock.monotonic(), self.remaining(life))

    def refuse(self, life: Life, fault: Fault) -> None:
        self._tell_all(life, answers.refuse, fault)

    def _tell_all(self, life: Life, tell: Callable[Concatenate[Life, Caller, P], None], *said: P.args, **more: P.kwargs) -> None:
        """The last word to every caller; a line that fails is cut, and the others still hear it. `tell` comes with what it is told, not
        as a function made for this life: each answer would pay for making it."""
        for caller in self._take(life):
            try:
                tell(life, caller, *said, **more)
            except Exception:  # noqa: BLE001 - a loop top: one line that fails is cut, the others still hear
                sys.stderr.write(f"orchvynt: a caller of {life.id} could not be told\n{traceback.format_exc()}")
                caller.line.abort()

    def _take(self, life: Life) -> list[Caller]:
        taken, life.callers = life.callers, []
        for caller in taken:
            line = caller.line
            line.on_gone = line.on_full = line.on_drained = None
        return taken

    def hold(self, life: Life, hold_ns: int | None) -> None:
        """Every caller waits for the review as long as the gate says, and never past its own timeout."""
        for caller in life.callers:
            self.hold_one(life, caller, hold_ns)

    def hold_one(self, life: Life, caller: Caller, hold_ns: int | None) -> None:
        own = caller.since + max(0, life.state.invocation.caller_timeout_ns - GRACE_NS)
        caller.due = own if hold_ns is None else min(self.clock.monotonic() + hold_ns, own)
        life.set_timer("caller_wait", min(other.due for other in life.callers))

    def overdue(self, life: Life, now: int) -> list[Caller]:
        """Those that were held as long as they may; the timer is set again for the others."""
        late = [caller for caller in life.callers if caller.due <= now]
        rest = [caller.due for caller in life.callers if caller.due > now]
        if rest:
            life.set_timer("caller_wait", min(rest))
        return late

    def open_held(self, life: Life) -> None:
        """The status line goes out, and the stream is kept alive from now on."""
        dialect = registry.caller(life.state.invocation.dialect)
        for caller in life.callers:
            if caller.form == "asked" and not caller.opened:
                # Which model will have answered is not known yet; the notes at the end say it.
                answers.start(caller, answers.known_headers(life), dialect.stream_type)
        self.keep_alive(life)

    def keep_alive(self, life: Life) -> None:
        pulse = registry.caller(life.state.invocation.dialect).keep_alive()
        opened = [caller for caller in life.callers if caller.opened]
        for caller in opened:
            if pulse:
                caller.line.write(pulse)
        if opened:
            life.set_timer("keep_alive", self.clock.monotonic() + KEEP_ALIVE_NS)

    def remaining(self, life: Life) -> tuple[str, bool]:
        """The tightest budget of a life as `NAME;usd=1.23`, and whether 80 % of it is gone."""
        tightest, budget, unit, amount, low = 2.0, "", "", 0, False
        for line in life.lines:
            name = line.terms.name
            if line.book != name:
                continue
            for one in used(own_limits(line), self._account(line)):
                limit, left = one.limit, one.limit - one.settled - one.held
                if left < 0:
                    left = 0
                share = left / limit if limit else 0.0
                if share < tightest:
                    tightest, budget, unit, amount = share, name, one.unit, left
                    low = (limit - left) * 100 >= answers.LOW_PERCENT * limit
        # Only the tightest is put in words.
        return (f"{budget};{unit}={amount_of(unit, amount)}" if budget else ""), low


def _end(life: Life, caller: Caller, finish: Callable[[Notes], bytes], now: int, remaining: tuple[str, bool]) -> None:
    caller.line.write(finish(answers.notes(life, caller, now, remaining)))
    caller.line.end()
