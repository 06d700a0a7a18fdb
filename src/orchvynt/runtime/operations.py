"""Control, performed: what an operator's request does to the running process."""

import asyncio
from collections.abc import Container, Iterator, Sequence
from typing import Final

from orchvynt.decisions.budgets.accounts import RollingAccount
from orchvynt.decisions.budgets.grants import NOTHING, term
from orchvynt.decisions.budgets.leased_ledger import LeasedLedger
from orchvynt.decisions.budgets.ledger import EMPTY
from orchvynt.decisions.budgets.windows import account_window
from orchvynt.decisions.reviews.cases import Case, Voter, late
from orchvynt.language.snapshot import Snapshot
from orchvynt.lifecycle.state import PARKED
from orchvynt.model.facts import Choice
from orchvynt.model.faults import Fault
from orchvynt.ports.checking import Compared
from orchvynt.ports.journal import JournalUnavailableError
from orchvynt.ports.outbox import MessageRow
from orchvynt.ports.store import ReviewRow, StoreUnavailableError
from orchvynt.runtime.alerting import Alerting
from orchvynt.runtime.budget_lines import Rates, budget_line
from orchvynt.runtime.carrier import Carrier
from orchvynt.runtime.changing import Changing
from orchvynt.runtime.control import (
    AlertLine,
    BudgetLine,
    Change,
    Changed,
    Checked,
    DestinationLine,
    Grant,
    Granted,
    ProviderLine,
    RateLimitLine,
    Replica,
    Rollback,
    Status,
    Tested,
    Version,
)
from orchvynt.runtime.deciding import Act, Deciding, counted_unread, unread
from orchvynt.runtime.granting import Granting
from orchvynt.runtime.leased_budgets import shared_lines
from orchvynt.runtime.operator_lines import breaker_line, rate_limit_line, with_figures
from orchvynt.runtime.outages import sentence
from orchvynt.runtime.policies import PolicyMissingError
from orchvynt.runtime.shedding import Shedding
from orchvynt.runtime.voting import unknown

STATUS_ALERTS_MAX: Final = 100


class Operations:
    """Implements `runtime.control.Control`."""

    def __init__(
        self, carrier: Carrier, deciding: Deciding, changing: Changing, alerting: Alerting, granting: Granting, shedding: Shedding
    ) -> None:
        self.alerting = alerting
        self.carrier = carrier
        self.deciding = deciding
        self.granting = granting
        self.shedding = shedding
        self.changing = changing
        self.policies = changing.policies
        self.store = changing.store
        self.about = changing.about

    @property
    def snapshot(self) -> Snapshot:
        return self.policies.current

    async def filed(self) -> None:
        await self.deciding.peers.file()

    def status(self) -> Status:
        carrier, row, now = self.carrier, self.policies.row, self.carrier.clock.now()
        return Status(
            version=self.about.version,
            policy=row,
            drift=self.policies.drift(now),
            watch=self.policies.watch(now),
            started_at=self.about.started_at,
            invocations_open=sum(life.state.phase not in PARKED for life in carrier.lives.values()),
            streams_open=sum(life.state.phase == "streaming" for life in carrier.lives.values()),
            reviews_open=carrier.parked.open_count,
            holds_waiting=carrier.admitting.queue.count,
            journal_bytes=self.about.journal_bytes(),
            store=self.about.store,
            draining=self.about.draining(),
            build=self.about.build,
            shed=self.shedding.shed,
            shed_total=sum(self.shedding.refused.numbers.values()),
            outage=sentence(carrier.outage) if carrier.outage.away else "",
            alerts=tuple(self.alerting.lines()[:STATUS_ALERTS_MAX]),
        )

    async def replicas(self) -> tuple[Replica, ...]:
        row = self.policies.row
        own = Replica(self.about.name, row.version, row.digest, max(row.applied_at, self.about.started_at))
        try:
            return (own, *await self.changing.others.now())
        except StoreUnavailableError:
            # This one is known.
            return (own,)

    def alerts(self) -> list[AlertLine]:
        return self.alerting.lines()

    def destinations(self) -> list[DestinationLine]:
        delivering = self.alerting.delivering
        waiting, given_up = delivering.outbox.waiting(), delivering.undeliverable
        return [
            DestinationLine(name, waiting.get(name, 0), given_up.get(name, 0), delivering.failing.get(name, ""))
            for name in self.policies.current.destinations
        ]

    async def test_destination(self, name: str, by: str) -> Tested | Fault:
        done = await self.alerting.delivering.test(name, by, self.alerting.telling.public_url)
        return done if isinstance(done, Fault) else Tested(done.why, done.said)

    async def resend(self, message: str) -> MessageRow | Fault:
        return await self.alerting.delivering.resend(message)

    async def standing(self) -> list[BudgetLine]:
        ledger = self.carrier.admitting.ledger
        if not isinstance(ledger, LeasedLedger):
            return self.budgets()
        rates = self._rates()
        await self.filed()
        found = await shared_lines(self.store, ledger, self.policies.current.budgets, rates)
        found += self._granted_only({(line.name, line.subject) for line in found}, rates)
        return sorted(found, key=lambda line: (line.name, line.subject))

    def _rates(self) -> Rates:
        at, burning = self.carrier.clock.now(), self.carrier.admitting.burning
        return Rates(at, burning.recent(at), burning.spans(at))

    def budgets(self) -> list[BudgetLine]:
        rates = self._rates()
        at = rates.at
        by_name = {budget.name: budget for budget in self.policies.current.budgets}
        ledger, found = self.carrier.admitting.ledger, []
        for (name, subject, start, end), account in ledger.entries(at):
            budget = by_name.get(name)
            if budget is None or budget.scope == "invocation" or account_window(budget, at) != (start, end):
                continue
            # Of a window that rolls, when the oldest of it has rolled out.
            resets_at = account.frees_at("", 0) if isinstance(account, RollingAccount) else end
            granted = ledger.grants.of(budget, subject, start, at) if ledger.grants else NOTHING
            found.append(budget_line(budget, subject, start, resets_at, account, rates, granted))
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
                    yield budget_line(budget, subject, lasts.window, resets_at, EMPTY, rates, granted)

    async def rate_limits(self) -> list[RateLimitLine]:
        found = await self.carrier.limiting.standing(self.policies.current.rate_limits)
        return sorted((rate_limit_line(*one) for one in found), key=lambda line: (line.name, line.subject))

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
                breaker_line(standing.breaker, at, now),
                breaker_line(standing.address, at, now),
            )
            found.append(with_figures(told, model, self.carrier.observed, now))
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

    async def decide(
        self,
        review: str,
        decision: Choice,
        voter: Voter,
        reason: str,
        amount: str | None = None,
        reply: str = "",
        edition: str | None = None,
    ) -> ReviewRow | Fault:
        try:
            fault = await self.deciding.act(Act("vote", review, voter, decision, reason, reply, edition, amount))
        except PolicyMissingError as error:
            fault = _no_policy(error)
        return await self._row_after(review, fault)

    async def decide_all(self, reviews: Sequence[str], decision: Choice, voter: Voter, reason: str) -> list[ReviewRow | Fault]:
        async def decide(review: str) -> Fault | None:
            try:
                return await self.deciding.act(Act("vote", review, voter, decision, reason))
            except PolicyMissingError as error:
                return _no_policy(error)
            except (StoreUnavailableError, JournalUnavailableError) as error:
                return unread(review, error)

        faults = await asyncio.gather(*(decide(review) for review in reviews))
        return [await self._row_after(review, fault) for review, fault in zip(reviews, faults, strict=True)]

    async def claim(self, review: str, voter: Voter) -> ReviewRow | Fault:
        return await self._row_after(review, await self.deciding.act(Act("claim", review, voter)))

    async def release(self, review: str, voter: Voter) -> ReviewRow | Fault:
        return await self._row_after(review, await self.deciding.act(Act("release", review, voter)))

    async def _row_after(self, review: str, fault: Fault | None) -> ReviewRow | Fault:
        """What the store has of it once it has heard. A held caller was answered before: only whoever voted waits for this."""
        if fault is not None and fault.code != "not_found":
            return fault
        try:
            await self.store.settled()
            row = await self.store.review(review)
        except StoreUnavailableError as error:
            return unread(review, error) if fault is not None else counted_unread(review, error)
        if row is not None and fault is not None:
            # Decided longer ago than the index remembers.
            return late(Case(review, row.status, row.by)) or fault
        return row or unknown(review)


def _no_policy(error: PolicyMissingError) -> Fault:
    return Fault("policy_error", f"The review cannot be decided: {error}.", "Start the build that parked it.")
