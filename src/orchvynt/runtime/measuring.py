"""Gathers what all metrics show at one instant: the counts, and what is read only now. It changes nothing.

What takes long (accounts of many subjects) is read in slices, so that no invocation waits for a page.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from orchvynt.decisions.budgets.leased_account import LeasedAccount
from orchvynt.decisions.budgets.ledger import Account, AccountKey
from orchvynt.decisions.budgets.windows import account_window
from orchvynt.language.snapshot import Budget, Snapshot
from orchvynt.lifecycle.state import PARKED
from orchvynt.runtime import metrics as m
from orchvynt.runtime.alerting import Alerting
from orchvynt.runtime.carrier import Carrier
from orchvynt.runtime.counting import NONE
from orchvynt.runtime.leased_admitting import LeasedAdmitting
from orchvynt.runtime.limiting_together import SharedLimiting
from orchvynt.runtime.metrics import Sampled, Values
from orchvynt.runtime.policies import Policies
from orchvynt.runtime.recovery import Recovered
from orchvynt.runtime.series import bounded

SLICE: Final = 2_000
WHOLE: Final = m.BUDGET_FULLEST.scale

Numbers = dict[m.Metric, dict[Values, int]]


class Plumbing(msgspec.Struct, frozen=True):
    """What only assembly knows. `refusals` are by layer and code, `connections` by surface, `shed` by reason and
    priority. `filing_problem` is empty while it works."""

    version: str
    python: str
    started_at: int
    ready: bool
    connections: Mapping[str, int]
    requests: int
    refusals: Mapping[tuple[str, str], int]
    upstream_open: int
    upstream_idle: int
    upstream_dials: int
    journal_bytes: int
    unfiled_bytes: int
    filing_problem: str
    recovered: Recovered
    audit_entries: int = 0
    audit_verified_at: int = 0
    audit_broken: bool = False
    shed: Mapping[Values, int] = {}
    shedding: bool = False
    queue_delay_ns: int = 0


class Measuring:
    """`plumbing` reads the rest of the process; it must be quick."""

    def __init__(self, carrier: Carrier, policies: Policies, alerting: Alerting, plumbing: Callable[[], Plumbing]) -> None:
        self._carrier = carrier
        self._alerting = alerting
        self._policies = policies
        self._plumbing = plumbing

    async def read(self) -> list[Sampled] | None:
        """One entry for each metric that has anything to show; None if the policy in force wants no metrics."""
        if not self._policies.current.metrics:
            return None
        numbers: Numbers = {}
        self._read_process(numbers)
        self._read_lives(numbers)
        self._read_policy(numbers)
        counted = self._counted() | {one.metric: one for one in self._alerting.sampled()}
        await self._read_budgets(numbers)
        found = {metric: bounded(metric, values) for metric, values in numbers.items()} | counted
        return [found[metric] for metric in m.METRICS if metric in found]

    def _counted(self) -> dict[m.Metric, Sampled]:
        """The counts; those that alerts wait for begin at 0 for what the policy names."""
        snapshot, counted = self._policies.current, {one.metric: one for one in self._carrier.counting.sampled()}
        for metric, names in (
            (m.BUDGET_REFUSALS, [budget.name for budget in snapshot.budgets]),
            (m.REVIEWS_OPENED, [gate.name for gate in snapshot.gates]),
        ):
            counted[metric] = bounded(metric, dict(counted[metric].numbers) | {(n,): counted[metric].numbers.get((n,), 0) for n in names})
        return counted

    def _read_process(self, numbers: Numbers) -> None:
        now, rest = self._carrier.clock.now(), self._plumbing()
        parked, oldest = self._carrier.parked, self._carrier.parked.oldest_open()
        numbers[m.BUILD] = {(rest.version, rest.python): 1}
        numbers[m.STARTED] = {NONE: rest.started_at}
        numbers[m.READY] = {NONE: int(rest.ready)}
        numbers[m.RECOVERED] = {
            ("interrupted",): rest.recovered.interrupted,
            ("settled_at_bound",): rest.recovered.settled_at_bound,
            ("voided",): rest.recovered.voided,
        }
        numbers[m.CONNECTIONS] = {(surface,): count for surface, count in rest.connections.items()}
        numbers[m.REQUESTS] = {NONE: rest.requests}
        numbers[m.REQUESTS_REFUSED] = {(layer, code): count for (layer, code), count in rest.refusals.items()}
        numbers[m.UPSTREAM] = {("busy",): rest.upstream_open - rest.upstream_idle, ("idle",): rest.upstream_idle}
        numbers[m.SHED] = dict(rest.shed)
        numbers[m.SHEDDING] = {NONE: int(rest.shedding)}
        numbers[m.QUEUE_DELAY] = {NONE: rest.queue_delay_ns}
        numbers[m.DIALS] = {NONE: rest.upstream_dials}
        numbers[m.JOURNAL_BYTES] = {NONE: rest.journal_bytes}
        numbers[m.AUDIT_ENTRIES] = {NONE: rest.audit_entries}
        numbers[m.AUDIT_VERIFIED] = {NONE: rest.audit_verified_at}
        numbers[m.AUDIT_BROKEN] = {NONE: int(rest.audit_broken)}
        numbers[m.JOURNAL_UNFILED] = {NONE: rest.unfiled_bytes}
        numbers[m.JOURNAL_UNWRITTEN] = {NONE: len(self._carrier.kept)}
        outage = self._carrier.outage
        numbers[m.UNHEARD] = {NONE: outage.unheard}
        numbers[m.STORE_AWAY] = {NONE: outage.lasts_ns if outage.away else 0}
        numbers[m.BUDGETS_CLOSED] = {NONE: int(outage.budgets_closed)}
        numbers[m.FILING_STOPPED] = {NONE: int(bool(rest.filing_problem))}
        numbers[m.REVIEWS_OPEN] = {(gate,): count for gate, count in parked.open_by_gate.items()}
        numbers[m.REVIEW_OLDEST] = {NONE: max(0, now - oldest.at) if oldest is not None else 0}

    def _read_lives(self, numbers: Numbers) -> None:
        admitting = self._carrier.admitting
        flight: dict[Values, int] = {}
        unparked = streams = 0
        for life in self._carrier.lives.values():
            phase = life.state.phase
            unparked += phase not in PARKED
            streams += phase == "streaming"
            if phase in ("attempting", "streaming"):
                flight[life.asked] = flight.get(life.asked, 0) + 1
        numbers[m.OPEN] = {NONE: unparked}
        numbers[m.STREAMS_OPEN] = {NONE: streams}
        # A route that was in use shows 0, not nothing.
        numbers[m.ATTEMPTS_OPEN] = {(model, provider): 0 for model, provider, _ in self._carrier.counting.attempts.numbers} | flight
        numbers[m.HOLDS_WAITING] = {NONE: admitting.queue.count}
        numbers[m.HOLDS_OPEN] = {NONE: len(admitting.ledger.holds)}
        limiting = self._carrier.limiting
        numbers[m.RATE_ALONE] = {NONE: limiting.alone if isinstance(limiting, SharedLimiting) else 0}
        numbers[m.LEASE_TURNS] = {NONE: admitting.leasing.turns if isinstance(admitting, LeasedAdmitting) else 0}

    def _read_policy(self, numbers: Numbers) -> None:
        clock, snapshot = self._carrier.clock, self._policies.current
        numbers[m.POLICY_INFO] = {(str(snapshot.version), snapshot.digest): 1}
        numbers[m.POLICY_APPLIED] = {NONE: self._policies.row.applied_at}
        numbers[m.POLICY_DRIFT] = {NONE: int(bool(self._policies.drift(clock.now())))}
        self._read_health(numbers, snapshot, clock.monotonic())

    def _read_health(self, numbers: Numbers, snapshot: Snapshot, mono: int) -> None:
        health = self._carrier.admitting.health
        for metric in (m.RESTING, m.BREAKER, m.BREAKER_OPENED, m.ADDRESS_BREAKER):
            numbers[metric] = {}
        for name, model in (*snapshot.models.items(), *snapshot.patterns):
            key = (name, model.provider.name)
            standing = health.standing(model.provider, name, mono)
            numbers[m.RESTING][key] = int(standing.until > mono)
            numbers[m.BREAKER][key] = m.BREAKER_STATES.index(standing.breaker.state)
            numbers[m.BREAKER_OPENED][key] = standing.breaker.opened
            numbers[m.ADDRESS_BREAKER][(model.provider.name,)] = m.BREAKER_STATES.index(standing.address.state)

    async def _read_budgets(self, numbers: Numbers) -> None:
        budgets = {budget.name: budget for budget in self._policies.current.budgets if budget.scope != "invocation"}
        subjects = numbers[m.BUDGET_SUBJECTS] = {(name,): 0 for name in budgets}
        fullest = numbers[m.BUDGET_FULLEST] = {(name,): 0 for name in budgets}
        whole = {budget.name: Account() for budget in budgets.values() if budget.scope == "global"}
        now = self._carrier.clock.now()
        accounts = list(self._carrier.admitting.ledger.entries(now))
        for start in range(0, len(accounts), SLICE):
            for budget, account in _current(accounts[start : start + SLICE], budgets, now):
                key = (budget.name,)
                subjects[key] += 1
                fullest[key] = max(fullest[key], _used(budget, account))
                if budget.name in whole:
                    whole[budget.name] = account
            await asyncio.sleep(0)
        _show_whole(numbers, [(budgets[name], account) for name, account in whole.items()])


def _current(accounts: Iterable[tuple[AccountKey, Account]], budgets: Mapping[str, Budget], now: int) -> Iterable[tuple[Budget, Account]]:
    """Those of the policy's budgets, in windows that have not ended. Of what is held, this process's part: all of them are added up."""
    for (name, _, start, end), account in accounts:
        budget = budgets.get(name)
        if budget is not None and account_window(budget, now) == (start, end):
            yield budget, account.own() if isinstance(account, LeasedAccount) else account


def _used(budget: Budget, account: Account) -> int:
    """The share of the limit that is settled or held, in millionths: of the tighter limit, if there are two."""
    shares = [0]
    if budget.limits.nanos is not None:
        shares.append((account.settled_nanos + account.held_nanos) * WHOLE // budget.limits.nanos if budget.limits.nanos else WHOLE)
    if (most := budget.limits.invocations) is not None:
        shares.append((account.settled_calls + account.held_calls) * WHOLE // most if most else WHOLE)
    if budget.limits.tokens is not None:
        shares.append((account.settled_tokens + account.held_tokens) * WHOLE // budget.limits.tokens if budget.limits.tokens else WHOLE)
    return max(shares)


def _show_whole(numbers: Numbers, found: Iterable[tuple[Budget, Account]]) -> None:
    for metric in (
        m.BUDGET_LIMIT_USD, m.BUDGET_SETTLED_USD, m.BUDGET_HELD_USD, m.BUDGET_LIMIT_TOKENS, m.BUDGET_SETTLED_TOKENS, m.BUDGET_HELD_TOKENS,
    ):  # fmt: skip
        numbers[metric] = {}
    for budget, account in found:
        key = (budget.name,)
        if budget.limits.nanos is not None:
            numbers[m.BUDGET_LIMIT_USD][key] = budget.limits.nanos
            numbers[m.BUDGET_SETTLED_USD][key] = account.settled_nanos
            numbers[m.BUDGET_HELD_USD][key] = account.held_nanos
        if budget.limits.tokens is not None:
            numbers[m.BUDGET_LIMIT_TOKENS][key] = budget.limits.tokens
            numbers[m.BUDGET_SETTLED_TOKENS][key] = account.settled_tokens
            numbers[m.BUDGET_HELD_TOKENS][key] = account.held_tokens
