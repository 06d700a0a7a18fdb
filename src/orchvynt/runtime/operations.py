"""Control, performed: what an operator's request does to the running process."""

import asyncio
from typing import Literal, Protocol

import msgspec

from orchvynt.decisions.budgets.ledger import Account
from orchvynt.decisions.budgets.windows import window_end
from orchvynt.language.compile import load
from orchvynt.language.problems import Problem
from orchvynt.language.snapshot import Budget, Snapshot
from orchvynt.model.faults import Fault
from orchvynt.ports.store import PolicyRow, ReviewRow, Store
from orchvynt.runtime.carrier import Carrier
from orchvynt.runtime.control import BudgetLine, ProviderLine, Status
from orchvynt.runtime.policies import Policies, PolicyMissingError, compile_row
from orchvynt.runtime.reviewing import Reviewing


class Operations:
    """Implements `runtime.control.Control`."""

    def __init__(self, carrier: Carrier, reviewing: Reviewing, policies: Policies, store: Store, about: "About") -> None:
        self.carrier = carrier
        self.reviewing = reviewing
        self.policies = policies
        self.store = store
        self.about = about
        self._applying = asyncio.Lock()

    @property
    def snapshot(self) -> Snapshot:
        return self.policies.current

    def status(self) -> Status:
        current, carrier = self.policies.current, self.carrier
        return Status(
            version=self.about.version,
            policy_version=current.version,
            policy_digest=current.digest,
            drift=self.policies.drift,
            started_at=self.about.started_at,
            invocations_open=sum(life.state.phase != "in_review" for life in carrier.lives.values()),
            streams_open=sum(life.state.phase == "streaming" for life in carrier.lives.values()),
            reviews_open=carrier.parked.open_count,
            holds_waiting=carrier.admitting.queue.count,
            journal_bytes=self.about.journal_bytes(),
            store=self.about.store,
            draining=self.about.draining(),
        )

    def budgets(self) -> list[BudgetLine]:
        at = self.carrier.clock.now()
        by_name = {budget.name: budget for budget in self.policies.current.budgets}
        found = []
        for (name, subject, window), account in self.carrier.admitting.ledger.accounts.items():
            budget = by_name.get(name)
            if budget is None or budget.scope == "invocation":
                continue
            resets_at = window_end(budget.window, window) if window else 0
            if not resets_at or resets_at > at:
                found.append(_budget_line(budget, subject, resets_at, account))
        return sorted(found, key=lambda line: (line.name, line.subject))

    def providers(self) -> list[ProviderLine]:
        health, now = self.carrier.admitting.health, self.carrier.clock.monotonic()
        at = self.carrier.clock.now()
        found = []
        for model in self.policies.current.models.values():
            provider = model.provider
            until, why = health.resting(provider.name, model.name, now)
            key = (provider.name, model.name)
            address = f"{'https' if provider.tls else 'http'}://{provider.host}:{provider.port}{provider.path_prefix}"
            resting = at + until - now if why else 0
            attempts, failures = health.attempts.get(key, 0), health.failures.get(key, 0)
            found.append(ProviderLine(model.name, provider.name, model.upstream_model, address, resting, why, attempts, failures))
        return found

    def validate(self, yaml: str, file: str) -> list[Problem]:
        return list(load(yaml, file).problems)

    async def apply(self, yaml: str, message: str, by: str, expected: int | None, commit: str) -> PolicyRow | list[Problem] | Fault:
        loaded = await asyncio.to_thread(load, yaml, "policy.yaml")
        if loaded.snapshot is None:
            return list(loaded.problems)
        return await self._put_in_force(loaded.snapshot, yaml, message, by, expected, commit)

    async def rollback(self, version: int | None, message: str, by: str) -> PolicyRow | list[Problem] | Fault:
        rows = await self.store.policies()
        current = self.policies.current.version
        if version is None:
            earlier = [row for row in rows if row.version < current and row.digest != self.policies.current.digest]
            target = earlier[0] if earlier else None
        else:
            target = next((row for row in rows if row.version == version), None)
        if target is None:
            asked = f"version {version}" if version is not None else "an earlier version that differs"
            return Fault("not_found", f"The history has no {asked}.", "See `orchvynt history`.")
        compiled = await asyncio.to_thread(compile_row, target)
        if not isinstance(compiled, Snapshot):
            return compiled
        why = message or f"rollback to version {target.version}"
        return await self._put_in_force(compiled, target.yaml, why, by, current, target.commit)

    async def _put_in_force(
        self, snapshot: Snapshot, yaml: str, message: str, by: str, expected: int | None, commit: str
    ) -> PolicyRow | Fault:
        async with self._applying:
            at = self.carrier.clock.now()
            row = await self.store.add_policy(yaml, snapshot.digest, message, by, at, expected, commit)
            if row is None:
                current = self.policies.current.version
                return Fault(
                    "conflict",
                    f"Version {current} is in force, not {expected}: somebody applied a policy meanwhile.",
                    "Look at `orchvynt history`, and apply again with --expect set to the version you have seen.",
                    detail={"current": current, "expected": expected},
                )
            self.policies.put_in_force(msgspec.structs.replace(snapshot, version=row.version))
            self.about.applied(self.policies.current)
            self.policies.drift = self.about.drift(self.policies.current)
        return row

    async def decide(self, review: str, decision: Literal["approve", "reject"], by: str, reason: str) -> ReviewRow | Fault:
        await self.store.settled()
        before = await self.store.review(review)
        if before is None:
            return Fault("not_found", f"There is no review {review[:100]}.", "See `orchvynt reviews list`.")
        try:
            fault = await self.reviewing.vote(review, decision, by, reason, before)
        except PolicyMissingError as error:
            return Fault("policy_error", f"The review cannot be decided: {error}.", "Start the build that parked it.")
        if fault is not None:
            return fault
        await self.store.settled()
        after = await self.store.review(review)
        assert after is not None
        return after


class About(Protocol):
    """What assembly knows of the process: where its store is, how much journal there is, whether it is stopping."""

    version: str
    started_at: int
    store: str

    def journal_bytes(self) -> int: ...

    def draining(self) -> bool: ...

    def applied(self, snapshot: Snapshot) -> None:
        """A snapshot is in force: what it says of the process itself (`journal.sync`) is done."""
        ...

    def drift(self, snapshot: Snapshot) -> str:
        """In words, how the file given to --policy differs from this snapshot; empty if it does not, or if there is none."""
        ...


def _budget_line(budget: Budget, subject: str, resets_at: int, account: Account) -> BudgetLine:
    return BudgetLine(
        budget.name,
        budget.scope,
        subject,
        budget.window,
        resets_at,
        budget.nanos,
        account.settled_nanos,
        account.held_nanos,
        budget.tokens,
        account.settled_tokens,
        account.held_tokens,
        account.waiting,
    )
