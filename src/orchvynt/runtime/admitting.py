"""Performs `Admit`: asks health and ledger for a candidate, places its hold, or lets it wait for holds in flight."""

from collections.abc import Callable, Sequence

from orchvynt.decisions.budgets.accounts import key_of
from orchvynt.decisions.budgets.burning import Burning
from orchvynt.decisions.budgets.ledger import Ledger, Line
from orchvynt.decisions.budgets.measured import OutputSizes
from orchvynt.decisions.budgets.needs import Fits, Short
from orchvynt.decisions.budgets.overflow import overflows
from orchvynt.decisions.budgets.prompts import Prompts
from orchvynt.decisions.budgets.reported import InputReports
from orchvynt.decisions.budgets.sizing import behind_others
from orchvynt.decisions.budgets.thresholds import Thresholds, Why
from orchvynt.decisions.fallback.health import Health
from orchvynt.decisions.fallback.passing import Passage
from orchvynt.decisions.identity.subjects import Subjects
from orchvynt.decisions.outage.standing import Standing
from orchvynt.decisions.routing.statistics import Statistics
from orchvynt.language.snapshot import Budget
from orchvynt.language.spending import carried
from orchvynt.lifecycle.commands import Admit, PutToRest
from orchvynt.lifecycle.countable import countable
from orchvynt.lifecycle.events import Admitted, AnyEvent, HoldsAwaited, NotAdmitted
from orchvynt.lifecycle.tiers import candidate_of
from orchvynt.lifecycle.weighed import Weighed
from orchvynt.lifecycle.weighing import passage, weigh
from orchvynt.model.facts import BudgetThresholdPassed, Reserved
from orchvynt.ports.clock import Clock
from orchvynt.ports.tokens import TokenCounting
from orchvynt.runtime.life import Life
from orchvynt.runtime.waiting import HoldQueue, Waiter, due_at

Feed = Callable[[Life, AnyEvent], bool]


class Admitting:
    """Shares the ledger, the health of models, the subjects that were named and the queue of waiters over all lives of the process."""

    def __init__(
        self,
        ledger: Ledger,
        health: Health,
        sizes: OutputSizes,
        statistics: Statistics,
        clock: Clock,
        feed: Feed,
        failed: Callable[[Life, Exception], None],
        subjects: Subjects,
        reports: InputReports,
        counting: TokenCounting,
    ) -> None:
        self.ledger, self.health, self.sizes, self.statistics = ledger, health, sizes, statistics
        self.clock, self.subjects, self.reports = clock, subjects, reports
        self.queue = HoldQueue(ledger)
        self.thresholds = Thresholds()
        self.outage = Standing()
        # The lines with thresholds of attempts under way, with their invocation.
        self._watched: dict[str, tuple[str, list[Line]]] = {}
        self._idle_ns: dict[str, int] = {}
        self.prompts, self.burning = Prompts(ledger), Burning(clock.now())
        self._feed, self._failed, self._counting = feed, failed, counting

    def admit(self, life: Life, command: Admit) -> None:
        clock = self.clock
        at, mono = clock.now(), clock.monotonic()
        weighed = self._weighed(life, at, mono)
        if isinstance(weighed, NotAdmitted):
            self._feed(life, weighed)
            return
        if weighed.count_with:
            self._count(life, command, weighed.count_with)
            return
        result = weighed.result
        if isinstance(result, Short) and not result.waits:
            # A budget without room is for good, a rest is not: the caller is told of the budget first.
            self._exhausted(life, result.line, at, "refused")
            self._feed(life, NotAdmitted(at, mono, "budget", result))
            return
        found = self._passage(life, command, at, mono)
        if isinstance(found, NotAdmitted):
            life.retries = False
            self._feed(life, found)
            return
        if isinstance(result, Fits):
            line = self._behind(life, weighed) if self.queue.count else None
            if line is None:
                self._place(life, command.attempt, weighed, result, found, at, mono)
                return
            result = behind_others(line, result, self.ledger)
        self._wait(life, command, weighed, result, at, mono)

    def put_to_rest(self, life: Life, command: PutToRest) -> None:
        self.health.rest(life.snapshot.providers[command.provider], command.model, command.rest, self.clock.monotonic())

    def _weighed(self, life: Life, at: int, mono: int) -> Weighed | NotAdmitted:
        if self.outage.budgets_closed and life.state.applied:
            return NotAdmitted(at, mono, "store_away")
        return weigh(life.snapshot, life.state, self.ledger, self.sizes, at, mono, self.reports, life.counts)

    def _count(self, life: Life, command: Admit, tokenizer: str) -> None:
        """Has the input counted exactly, at once or off the loop, and weighs again."""
        mark = life.queued = object()
        body = countable(life.snapshot, life.state)
        if body is None:
            self._counted(life, command, mark, tokenizer, None)
        else:
            self._counting.count(tokenizer, body, lambda tokens: self._counted(life, command, mark, tokenizer, tokens))

    def _counted(self, life: Life, command: Admit, mark: object, tokenizer: str, tokens: int | None) -> None:
        if life.queued is not mark:
            # Its life ended meanwhile.
            return
        life.queued = None
        life.counts[tokenizer] = tokens
        try:
            self.admit(life, command)
        except Exception as error:  # noqa: BLE001 - a loop top, where it was counted off the loop
            self._failed(life, error)

    def _passage(self, life: Life, command: Admit, at: int, mono: int) -> Passage | NotAdmitted:
        snapshot, state = life.snapshot, life.state
        candidate = candidate_of(state)
        self.health.under(snapshot)
        life.route = route = self.health.route(snapshot.providers[candidate.provider], candidate.model)
        return passage(snapshot, state, route, self.statistics, command.at_last, at, mono)

    def _place(self, life: Life, attempt: str, weighed: Weighed, fits: Fits, passage: Passage, at: int, mono: int) -> None:
        if passage.probes and life.route is not None:
            life.probe = life.route.begin()
        if life.retries:
            life.retries = False
        else:
            self.health.retries.called(mono)
        life.lines = lines = weighed.lines
        watched: list[Line] = []
        for line in lines:
            if line.terms.alert_at and line.book == line.budget:
                watched.append(line)
        if watched:
            self._watched[attempt] = (life.id, watched)
            for line in watched:
                if fits.limited_by == line.budget and self._clamped(life, line):
                    self._exhausted(life, line, at, "clamped")
        past = overflows(lines, fits, weighed.calls, self.ledger)
        reserved = self.ledger.place(attempt, lines, fits.nanos, fits.tokens, fits.output_tokens or 0, weighed.calls)
        assert isinstance(reserved, tuple), "an attempt has an id of its own"
        if len(lines) > len(life.state.applied):
            # Only the books of prompts add lines to those of the budgets.
            self.prompts.came(lines)
        self._feed(life, Admitted(at, mono, fits, reserved, weighed.input_tokens_bound, weighed.counted_by, past))

    def _behind(self, life: Life, weighed: Weighed) -> Line | None:
        """Where others wait already. Whom people let through stands behind nobody; a model past the limit waits with nobody below it."""
        return None if life.state.owed else self.queue.blocked(line for line in weighed.binding() if not line.past)

    def _clamped(self, life: Life, line: Line) -> bool:
        """Whether the caller's own limit was lowered there, and by nothing that is in flight."""
        asked = life.state.invocation.ask.max_output_tokens is not None
        return asked and line.terms.breach.kind == "clamp" and not self.ledger.account(line).holds

    def _wait(self, life: Life, command: Admit, weighed: Weighed, short: Short, at: int, mono: int) -> None:
        due = due_at(life, short, mono)
        if due <= mono or self.queue.full:
            in_vain = self._in_vain(short, at, mono, life.hold_wait_ns > 0)
            self._feed(life, in_vain if due <= mono else NotAdmitted(at, mono, "queue_full", short))
            return
        waiter = Waiter(life, command, short, weighed.lines, mono, due, self._again)
        life.queued = waiter
        self.queue.enter(waiter)
        self._feed(life, HoldsAwaited(at, mono, short))

    def _in_vain(self, short: Short, at: int, mono: int, waited: bool) -> NotAdmitted:
        """What somebody is told that waits no longer."""
        return NotAdmitted(at, mono, "budget", short, waited=waited)

    def _out(self, life: Life, waiter: Waiter) -> None:
        """It waits no longer, one way or the other."""
        life.queued = None
        life.hold_wait_ns += max(0, self.clock.monotonic() - waiter.since)

    def _again(self, waiter: Waiter) -> Short | None:
        """Weighs a waiter that is out of the queue for the moment; None if it is through, one way or the other."""
        life = waiter.life
        try:
            return self._weigh_again(life, waiter)
        except Exception as error:  # noqa: BLE001 - a loop top: the one that waited fails, not the one that released
            self._out(life, waiter)
            self._failed(life, error)
            return None

    def _weigh_again(self, life: Life, waiter: Waiter) -> Short | None:
        at, mono = self.clock.now(), self.clock.monotonic()
        found = self._passage(life, waiter.command, at, mono)
        if isinstance(found, NotAdmitted):
            self._out(life, waiter)
            self._feed(life, found)
            return None
        weighed = self._weighed(life, at, mono)
        if isinstance(weighed, Weighed) and isinstance(weighed.result, Short) and weighed.result.waits:
            # Another budget may stand in the way by now, for which it waits less long.
            waiter.due = min(waiter.due, due_at(life, weighed.result, waiter.since))
            if waiter.due > mono:
                waiter.lines = weighed.lines
                return weighed.result
        self._out(life, waiter)
        if isinstance(weighed, NotAdmitted):
            self._feed(life, weighed)
            self._forget_waited(waiter.lines)
        elif isinstance(weighed.result, Short):
            # If it would still wait, its time is up.
            if not weighed.result.waits:
                self._exhausted(life, weighed.result.line, at, "refused")
            self._feed(life, self._in_vain(weighed.result, at, mono, weighed.result.waits))
            self._forget_waited(waiter.lines)
        else:
            self._place(life, waiter.command.attempt, weighed, weighed.result, found, at, mono)
        return None

    def leave(self, life: Life) -> None:
        """The life waits no longer."""
        waiter, life.queued = life.queued, None
        if isinstance(waiter, Waiter):
            self.queue.leave(waiter)
            self._forget_waited(waiter.lines)

    def release(self, attempt: str, settled: tuple[Reserved, ...] = ()) -> Sequence[BudgetThresholdPassed]:
        """Ends a hold and wakes who waited for it. Gives the thresholds that were passed with what was settled."""
        now = self.clock.now()
        if settled:
            self.burning.add(now, settled)
        parts = self.ledger.release(attempt, settled, now)
        passed: list[BudgetThresholdPassed] = []
        watched = self._watched.pop(attempt, None) if self._watched else None
        if watched is not None and settled:
            inv, lines = watched
            for line in lines:
                passed += self.thresholds.settled(line, self.ledger, inv, now)
        if self.queue.count and isinstance(parts, tuple):
            self.queue.wake(map(key_of, parts))
        return passed

    def _exhausted(self, life: Life, line: Line, at: int, why: Why) -> None:
        """The budget stood in the way with nothing in flight: whoever is to be told of its end is told now."""
        if line.terms.alert_at and line.book == line.budget:
            life.unwritten += self.thresholds.exhausted(line, self.ledger, life.id, at, why)

    def granted(self, budget: str, subject: str) -> None:
        """There is more of a budget for a subject: whoever waits for that looks again."""
        if self.queue.count:
            self.queue.wake(self.queue.waiting_on(budget, subject))

    def sweep(self, at: int, now: int) -> None:
        """Weighs those whose window has rolled over, and tells those whose time is up, after one more look."""
        if not self.queue.count:
            return
        self.queue.wake(self.queue.rolled_over(at))
        for waiter in self.queue.overdue(now):
            life = waiter.life
            if life.queued is not waiter:
                continue
            first = self.queue.is_first(waiter)
            self.queue.leave(waiter)
            # One more look, if nobody stands before it: what it waited for may have gone without a release.
            short = self._again(waiter) if first else waiter.short
            if short is not None:
                self._out(life, waiter)
                self._feed(life, self._in_vain(short, at, now, True))
                self._forget_waited(waiter.lines)

    def forget_invocation(self, life: Life) -> None:
        """Nobody will ask for the accounts of a budget per invocation once the invocation is over."""
        if life.lines:
            self._forget_own(life.lines)

    def _forget_own(self, lines: tuple[Line, ...]) -> None:
        for line in lines:
            if line.terms.scope == "invocation":
                self.ledger.forget((line.key,))

    def _forget_waited(self, lines: tuple[Line, ...]) -> None:
        """Nor for those of a prompt that was only waited for."""
        self._forget_own(lines)
        self.ledger.forget([line.key for line in lines if self.prompts.is_idle(line)])

    def policy_changed(self, before: Sequence[Budget], after: Sequence[Budget]) -> None:
        """Spend is carried to the names that budgets have from now on."""
        for was, name in carried(before, after):
            self.ledger.rename(was, name)
        self.ledger.names.keep([budget.name for budget in after])
        self.queue.renamed()
        self._idle_ns = {budget.name: budget.idle_ns for budget in after}

    def forget_accounts(self, at: int) -> None:
        """Drops some of what stands for windows that are over, and for subjects that were idle."""
        self.ledger.forget_ended(at, self._idle_ns)
        self.thresholds.forget_ended(at)

    def forget_ended(self) -> None:
        self.health.forget_ended(self.clock.monotonic())
