"""Admission in a process that shares its store: what fits a budget is held only out of a lease, and what does not is refused only after the
store was asked.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from orchvynt.decisions.budgets.accounts import AccountKey
from orchvynt.decisions.budgets.asking import FRESH_NS, is_asked_in_vain, takes, to_ask
from orchvynt.decisions.budgets.leased_ledger import LeasedLedger, is_leased
from orchvynt.decisions.budgets.ledger import Line
from orchvynt.decisions.budgets.measured import OutputSizes
from orchvynt.decisions.budgets.needs import Fits, Short
from orchvynt.decisions.budgets.portions import NOTHING, Portion
from orchvynt.decisions.budgets.reported import InputReports
from orchvynt.decisions.budgets.sizing import behind_others
from orchvynt.decisions.budgets.thresholds import Why
from orchvynt.decisions.budgets.windows import SECOND_NS
from orchvynt.decisions.fallback.health import Health
from orchvynt.decisions.fallback.passing import Passage
from orchvynt.decisions.identity.subjects import Subjects
from orchvynt.decisions.routing.statistics import Statistics
from orchvynt.lifecycle.commands import Admit
from orchvynt.lifecycle.events import NotAdmitted
from orchvynt.lifecycle.weighed import Doubted, Weighed
from orchvynt.model.facts import BudgetThresholdPassed, Reserved
from orchvynt.ports.clock import Clock
from orchvynt.ports.store import StoreUnavailableError
from orchvynt.ports.tokens import TokenCounting
from orchvynt.runtime.admitting import Admitting, Feed
from orchvynt.runtime.leasing import Leasing
from orchvynt.runtime.life import Life
from orchvynt.runtime.waiting import Waiter

# Who waits has the store asked about once a second.
SILENT_NS: Final = 3 * FRESH_NS


class LeasedAdmitting(Admitting):
    """`tell` is called with thresholds that this process is the first of all to tell."""

    def __init__(
        self,
        ledger: LeasedLedger,
        health: Health,
        sizes: OutputSizes,
        statistics: Statistics,
        clock: Clock,
        feed: Feed,
        failed: Callable[[Life, Exception], None],
        subjects: Subjects,
        reports: InputReports,
        counting: TokenCounting,
        *,
        leasing: Leasing,
        tell: Callable[[Sequence[BudgetThresholdPassed]], None],
    ) -> None:
        super().__init__(ledger, health, sizes, statistics, clock, feed, failed, subjects, reports, counting)
        self._leased = ledger
        self.leasing = leasing
        leasing.answered = self._answered
        leasing.told = self._told
        self._tell = tell
        # Thresholds that were reached here, until the store has said whether somebody told of them.
        self._reached: dict[AccountKey, list[BudgetThresholdPassed]] = {}

    def _weighed(self, life: Life, at: int, mono: int) -> Weighed | NotAdmitted:
        weighed = super()._weighed(life, at, mono)
        if isinstance(weighed, NotAdmitted):
            return weighed
        needed = takes(weighed.result, weighed.calls)
        doubted = to_ask(weighed.lines, weighed.result, needed, self._leased, mono)
        if not doubted:
            if isinstance(weighed.result, Short):
                return msgspec.structs.replace(weighed, result=self._with_lease(weighed.result))
            return weighed
        short = self._with_lease(self._instead(weighed.result, doubted[0], needed))
        # Whoever comes has its input counted before the store is asked; whoever waits already is held to its bound.
        return Doubted(
            weighed.lines, weighed.price, short, weighed.input_tokens_bound, weighed.calls, weighed.counted_by, weighed.count_with,
            tuple(doubted), needed,
        )  # fmt: skip

    def _with_lease(self, short: Short) -> Short:
        """What stands in the way, with how much of it is leased to others."""
        account = self._leased.leased.get(self._leased.key(short.line))
        leased = account.leased_elsewhere(short.unit) if account is not None else 0
        return msgspec.structs.replace(short, leased=leased) if leased > 0 else short

    def _instead(self, result: Fits | Short, line: Line, needed: Portion) -> Short:
        """The wait for a lease, in place of a result that does not hold yet."""
        if isinstance(result, Short):
            return msgspec.structs.replace(result, line=line, waits=True)
        return msgspec.structs.replace(behind_others(line, result, self.ledger), takes=needed)

    def _wait(self, life: Life, command: Admit, weighed: Weighed, short: Short, at: int, mono: int) -> None:
        if isinstance(weighed, Doubted) and not any(is_asked_in_vain(line, weighed.needed, self._leased, mono) for line in weighed.doubted):
            mark = life.queued = object()
            self.leasing.ask(weighed.doubted, weighed.needed, lambda error: self._heard(life, command, mark, error))
            return
        super()._wait(life, command, weighed, short, at, mono)
        if isinstance(life.queued, Waiter):
            self._ask_for(life.queued.short)

    def _heard(self, life: Life, command: Admit, mark: object, error: StoreUnavailableError | None) -> None:
        if life.queued is not mark:
            # Its life ended meanwhile.
            return
        life.queued = None
        try:
            if error is None:
                self.admit(life, command)
            else:
                self._feed(life, NotAdmitted(self.clock.now(), self.clock.monotonic(), "unleased", detail=str(error)))
        except Exception as defect:  # noqa: BLE001 - a loop top: the others that share the answer go on
            self._failed(life, defect)

    def _weigh_again(self, life: Life, waiter: Waiter) -> Short | None:
        short = super()._weigh_again(life, waiter)
        if short is not None:
            self._ask_for(short)
        return short

    def _in_vain(self, short: Short, at: int, mono: int, waited: bool) -> NotAdmitted:
        """That a budget has no room is said on an answer of just now: where the store is silent, that is the reason."""
        account = self._leased.leased.get(self._leased.key(short.line))
        if short.waits and account is not None:
            silent_ns = mono - account.known_at
            silence = f"it has said nothing for {silent_ns // SECOND_NS} seconds." if silent_ns >= SILENT_NS else ""
            if why := self.leasing.problem or silence:
                return NotAdmitted(at, mono, "unleased", detail=why)
        return super()._in_vain(short, at, mono, waited)

    def _ask_for(self, short: Short) -> None:
        """Somebody waits: the store is asked once, then about once a second (`look`)."""
        if short.takes == NOTHING or not is_leased(short.line):
            return
        if not is_asked_in_vain(short.line, short.takes, self._leased, self.clock.monotonic()):
            self.leasing.ask((short.line,), short.takes, waits=True)

    def _answered(self, keys: Sequence[AccountKey]) -> None:
        if self.queue.count:
            self.queue.wake(keys)

    def _place(self, life: Life, attempt: str, weighed: Weighed, fits: Fits, passage: Passage, at: int, mono: int) -> None:
        needed = takes(fits, weighed.calls)
        for line in weighed.lines:
            if is_leased(line):
                # INVARIANT: nothing is held on beyond a lease, or all processes together would pass the limit.
                assert not self._leased.lacks(line, needed), f"a hold of {needed} on {line.book} is beyond its lease"
                self._leased.leased[self._leased.key(line)].used_at = mono
        super()._place(life, attempt, weighed, fits, passage, at, mono)

    def look(self, freed: bool = True) -> None:
        """Others wait for what this process does not use; if `freed`, they may have given back what somebody waits for here. Call it when
        that is known; it is called about once a second anyway."""
        # That somebody waits elsewhere, too, is no reason to ask again.
        heads = self.queue.heads() if freed else ()
        self.leasing.look([(short.line, short.takes) for short in heads if short.takes != NOTHING])

    def sweep(self, at: int, now: int) -> None:
        super().sweep(at, now)
        if self.leasing.wants:
            self.leasing.withdraw({self._leased.key(short.line) for short in self.queue.heads()})

    def forget_accounts(self, at: int) -> None:
        super().forget_accounts(at)
        for key, reached in self._reached.items():
            self.leasing.tell(key, reached[-1].share)
        self.leasing.tidy(at, self._idle_ns)
        self.look()

    def release(self, attempt: str, settled: tuple[Reserved, ...] = ()) -> Sequence[BudgetThresholdPassed]:
        passed = super().release(attempt, settled)
        return self._first_ask(passed) if passed else passed

    def _exhausted(self, life: Life, line: Line, at: int, why: Why) -> None:
        if line.terms.alert_at and line.book == line.budget:
            life.unwritten += self._first_ask(self.thresholds.exhausted(line, self.ledger, life.id, at, why))

    def _first_ask(self, passed: Sequence[BudgetThresholdPassed]) -> list[BudgetThresholdPassed]:
        """Of a budget that several processes spend, the first that says so tells. Gives those that are this process's alone."""
        own = []
        for one in passed:
            key = self._account_of(one)
            if key is None:
                own.append(one)
            else:
                self._reached.setdefault(key, []).append(one)
                self.leasing.tell(key, one.share)
        return own

    def _account_of(self, one: BudgetThresholdPassed) -> AccountKey | None:
        """Of a window that rolls, a threshold names the length, and not the account."""
        calendar = (one.budget, one.subject, one.window, one.resets_at)
        rolling = (one.budget, one.subject, 0, one.resets_at - one.window)
        return next((key for key in map(self.ledger.now, (calendar, rolling)) if key in self._leased.leased), None)

    def _told(self, key: AccountKey, share: int, before: int) -> None:
        """The store has noted that all up to `share` is told; up to `before` it was."""
        reached = self._reached.pop(key, [])
        later = [one for one in reached if one.share > share]
        if later:
            self._reached[key] = later
        if first := [one for one in reached if before < one.share <= share]:
            self._tell(first)
