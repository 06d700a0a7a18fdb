"""What an operator may ask of a running OrchVynt; the admin API and nothing else calls it."""

from typing import Literal, Protocol

import msgspec

from orchvynt.language.problems import Problem
from orchvynt.language.snapshot import Snapshot
from orchvynt.model.faults import Fault
from orchvynt.ports.store import PolicyRow, ReviewRow, Store


class BudgetLine(msgspec.Struct, frozen=True):
    """One budget for one subject in its current window. Limits are None where the budget has none. `resets_at` is 0 for a lifetime."""

    name: str
    scope: str
    subject: str
    window: str
    resets_at: int
    limit_nanos: int | None
    settled_nanos: int
    held_nanos: int
    limit_tokens: int | None
    settled_tokens: int
    held_tokens: int
    waiting: int


class ProviderLine(msgspec.Struct, frozen=True):
    """One model's route. `resting_until` is ns UTC, 0 when it may be asked; `why` is the trigger that put it to rest."""

    model: str
    provider: str
    upstream_model: str
    address: str
    resting_until: int
    why: str
    attempts: int
    failures: int


class Status(msgspec.Struct, frozen=True):
    """`drift` says in words how the file given to --policy differs from the version in force; empty when it does not."""

    version: str
    policy_version: int
    policy_digest: str
    drift: str
    started_at: int
    invocations_open: int
    streams_open: int
    reviews_open: int
    holds_waiting: int
    journal_bytes: int
    store: str
    draining: bool


class Control(Protocol):
    """Refusals are Faults (values); `by` is who asks, as `token:NAME`."""

    store: Store

    @property
    def snapshot(self) -> Snapshot: ...

    def status(self) -> Status: ...

    def budgets(self) -> list[BudgetLine]: ...

    def providers(self) -> list[ProviderLine]: ...

    def validate(self, yaml: str, file: str) -> list[Problem]: ...

    async def apply(self, yaml: str, message: str, by: str, expected: int | None, commit: str) -> PolicyRow | list[Problem] | Fault:
        """Live when it returns. Problems (with at least one error) if it is refused; Fault `conflict` if `expected` is not the
        current version."""
        ...

    async def rollback(self, version: int | None, message: str, by: str) -> PolicyRow | list[Problem] | Fault:
        """None: to the version before the current one. Appends a new version with the old text."""
        ...

    async def decide(self, review: str, decision: Literal["approve", "reject"], by: str, reason: str) -> ReviewRow | Fault:
        """Exactly one decision wins. Faults: `not_found`, `invalid_request` (a reason is required), `conflict` (who decided,
        what and when)."""
        ...
