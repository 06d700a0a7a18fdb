"""Control, performed: what an operator's request does to the running process."""

from collections.abc import Container, Iterator
from typing import Final

import msgspec

from orchvynt.decisions.budgets.accounts import RollingAccount
from orchvynt.decisions.budgets.burning import Subject, burn
from orchvynt.decisions.budgets.grants import NOTHING, Amounts, on_top, term
from orchvynt.decisions.budgets.ledger import EMPTY, Account
from orchvynt.decisions.budgets.standing import Spend, forecast, measures
from orchvynt.decisions.budgets.windows import account_window
from orchvynt.decisions.fallback.breakers import Sight
from orchvynt.decisions.limits.buckets import Bucket
from orchvynt.decisions.limits.limiter import gauges_of
from orchvynt.decisions.limits.refusals import window_text
from orchvynt.decisions.reviews.cases import Voter
from orchvynt.decisions.routing.figures import Observed
from orchvynt.decisions.routing.quality import SCORES_NEEDED, lower_bound
from orchvynt.language.document.scalars import duration_text
from orchvynt.language.snapshot import Budget, Model, RateLimit, Snapshot
from orchvynt.lifecycle.state import PARKED
from orchvynt.model.facts import Choice
from orchvynt.model.faults import Fault
from orchvynt.model.money import cost_nanos
from orchvynt.ports.checking import Compared
from orchvynt.ports.store import ReviewRow
from orchvynt.runtime.alerting import Alerting
from orchvynt.runtime.carrier import Carrier
from orchvynt.runtime.changing import Changing
from orchvynt.runtime.control import (
    AlertLine,
    BreakerLine,
    BudgetLine,
    Change,
    Changed,
    Checked,
    Grant,
    Granted,
    ProviderLine,
    RateLimitLine,
    Replica,
    Rollback,
    Status,
    Version,
)
from orchvynt.runtime.granting import Granting
from orchvynt.runtime.policies import PolicyMissingError
from orchvynt.runtime.reviewing import Reviewing

STATUS_ALERTS_MAX: Final = 100


class Rates(msgspec.Struct, frozen=True):
    """What every subject spent lately, over the same time."""

    at: int
    recent: dict[Subject, tuple[Spend, int]]
    over_ns: int


class Operations:
    """Implements `runtime.control.Control`."""

    def __init__(self, carrier: Carrier, reviewing: Reviewing, changing: Changing, alerting: Alerting, granting: Granting) -> None:
        self.alerting = alerting
        self.carrier = carrier
        self.reviewing = reviewing
        self.granting = granting
        self.changing = changing
        self.policies = changing.policies
        self.store = changing.store
        self.about = changing.about

    @property
    def snapshot(self) -> Snapshot:
        return self.policies.current

    def status(self) -> Status:
        carrier, row, now = self.carrier, self.policies.row, self.carrier.clock.now()
        return Status(
            version=self.about.version,
            policy=row,
            drift=self.policies.drift(now),
            watch=self.policies.watch(now),
            replicas=(Replica(self.about.name, row.version, row.digest, max(row.applied_at, self.about.started_at)),),
            started_at=self.about.started_at,
            invocations_open=sum(life.state.phase not in PARKED for life in carrier.lives.values()),
            streams_open=sum(life.state.phase == "streaming" for life in carrier.lives.values()),
            reviews_open=carrier.parked.open_count,
            holds_waiting=carrier.admitting.queue.count,
            journal_bytes=self.about.journal_bytes(),
            store=self.about.store,
            draining=self.about.draining(),
            alerts=tuple(self.alerting.lines()[:STATUS_ALERTS_MAX]),
        )

    def alerts(self) -> list[AlertLine]:
        return self.alerting.lines()

    def budgets(self) -> list[BudgetLine]:
        at = self.carrier.clock.now()
        burning = self.carrier.admitting.burning
        rates = Rates(at, burning.recent(at), burning.spans(at))
        by_name = {budget.name: budget for budget in self.policies.current.budgets}
        ledger, found = self.carrier.admitting.ledger, []
        for (name, subject, start, end), account in ledger.entries(at):
            budget = by_name.get(name)
            if budget is None or budget.scope == "invocation" or account_window(budget, at) != (start, end):
                continue
            # Of a window that rolls, when the oldest of it has rolled out.
            resets_at = account.frees_at("", 0) if isinstance(account, RollingAccount) else end
            granted = ledger.grants.of(budget, subject, start, at) if ledger.grants else NOTHING
            found.append(_budget_line(budget, subject, start, resets_at, account, rates, granted))
        found += self._granted_only({(line.name, line.subject) for line in found}, rates)
        return sorted(found, key=lambda line: (line.name, line.subject))

    def _granted_only(self, shown: Container[tuple[str, str]], rates: Rates) -> Iterator[BudgetLine]:
        """Subjects that were granted something and have spent nothing yet."""
        grants = self.carrier.admitting.ledger.grants
        for budget in self.policies.current.budgets if grants else ():
            for subject in {subject for name, subject in grants.subjects() if name == budget.name}:
                lasts = term(budget, rates.at)
                granted = grants.of(budget, subject, lasts.window, rates.at)
                if granted != NOTHING and (budget.name, subject) not in shown and budget.scope != "invocation":
                    resets_at = 0 if budget.rolls_ns else lasts.until
                    yield _budget_line(budget, subject, lasts.window, resets_at, EMPTY, rates, granted)

    def rate_limits(self) -> list[RateLimitLine]:
        limiting, now = self.carrier.limiting, self.carrier.clock.monotonic()
        found = limiting.limiter.standing(self.policies.current.rate_limits, now)
        return sorted((_rate_limit_line(*one) for one in found), key=lambda line: (line.name, line.subject))

    def providers(self) -> list[ProviderLine]:
        health, now = self.carrier.admitting.health, self.carrier.clock.monotonic()
        at = self.carrier.clock.now()
        found = []
        for model in self.policies.current.models.values():
            provider = model.provider
            standing = health.standing(provider, model.name, now)
            address = f"{'https' if provider.tls else 'http'}://{provider.host}:{provider.port}{provider.path_prefix}"
            told = ProviderLine(
                model.name,
                provider.name,
                model.upstream_model,
                address,
                at + standing.until - now if standing.until else 0,
                standing.why,
                standing.attempts,
                standing.failures,
                _breaker_line(standing.breaker, at, now),
                _breaker_line(standing.address, at, now),
            )
            found.append(_with_figures(told, model, self.carrier.observed, now))
        return found

    async def validate(self, yaml: str, file: str) -> Checked | Fault:
        return await self.changing.validate(yaml, file)

    async def compare(self, old: Version, new: Version | tuple[str, str]) -> Compared | Fault:
        return await self.changing.compare(old, new)

    async def apply(self, change: Change) -> Changed:
        return await self.changing.apply(change)

    async def rollback(self, asked: Rollback) -> Changed:
        return await self.changing.rollback(asked)

    async def decide_change(self, change: str, decision: Choice, voter: Voter, reason: str) -> Changed:
        return await self.changing.decide(change, voter, decision, reason)

    async def grant(self, asked: Grant) -> Granted | Fault:
        return await self.granting.grant(asked, self.policies.current)

    async def decide(self, review: str, decision: Choice, voter: Voter, reason: str, amount: str | None = None) -> ReviewRow | Fault:
        await self.store.settled()
        before = await self.store.review(review)
        if before is None:
            return Fault("not_found", f"There is no review {review[:100]}.", "See `orchvynt reviews list`.")
        try:
            fault = await self.reviewing.vote(review, decision, voter, reason, before, amount)
        except PolicyMissingError as error:
            return Fault("policy_error", f"The review cannot be decided: {error}.", "Start the build that parked it.")
        if fault is not None:
            return fault
        await self.store.settled()
        after = await self.store.review(review)
        assert after is not None
        return after


def _budget_line(budget: Budget, subject: str, window: int, resets_at: int, account: Account, rates: Rates, granted: Amounts) -> BudgetLine:
    settled = Spend(account.settled_nanos, account.settled_tokens, account.settled_output, account.settled_calls)
    held = Spend(account.held_nanos, account.held_tokens, account.held_output, account.held_calls)
    found = measures(on_top(budget.limits, granted), settled, held)
    began = rates.at - window if window and not budget.rolls_ns else 0
    rate = burn(rates.recent, (budget.name, subject), rates.over_ns, settled, began)
    return BudgetLine(
        budget.name,
        budget.subject_of,
        subject,
        f"rolling {duration_text(budget.rolls_ns)}" if budget.rolls_ns else budget.window,
        resets_at,
        budget.limits.nanos,
        account.settled_nanos,
        account.held_nanos,
        budget.limits.tokens,
        account.settled_tokens,
        account.held_tokens,
        account.waiting,
        granted_nanos=granted[0],
        granted_tokens=granted[1],
        measures=found,
        burn=rate,
        forecast=forecast(found, rate, rates.at, resets_at, budget.rolls_ns),
        breach=budget.breach.kind,
        breach_model=budget.breach.model,
        rolls_ns=budget.rolls_ns,
    )


def _rate_limit_line(limit: RateLimit, subject: str, bucket: Bucket) -> RateLimitLine:
    gauges = gauges_of([(limit, bucket)])
    requests, tokens = gauges.requests, gauges.tokens
    return RateLimitLine(
        limit.name,
        limit.subject_of,
        subject,
        window_text(limit),
        limit.invocations,
        requests.remaining if requests is not None else None,
        limit.tokens,
        tokens.remaining if tokens is not None else None,
        limit.concurrent,
        bucket.running,
        bucket.refused,
        max((gauge.full_ns for gauge in (requests, tokens) if gauge is not None), default=0),
    )


def _breaker_line(seen: Sight, at: int, now: int) -> BreakerLine:
    return BreakerLine(seen.state, seen.error_rate, at + seen.until - now if seen.until else 0)


def _with_figures(line: ProviderLine, model: Model, observed: Observed, now: int) -> ProviderLine:
    measured = observed.statistics.measured(line.provider, line.model, now)
    per_call = None
    if model.price is not None and measured.input_tokens is not None and measured.output_tokens is not None:
        per_call = cost_nanos(model.price, measured.input_tokens, measured.output_tokens, measured.cached_input_tokens or 0)
    count, total = observed.scores.of(model, "")
    return msgspec.structs.replace(
        line,
        measured=measured,
        nanos_per_call=per_call,
        quality=observed.scores.quality(model, ""),
        quality_measured=lower_bound(count, total) if count >= SCORES_NEEDED else None,
        scores=count,
    )
