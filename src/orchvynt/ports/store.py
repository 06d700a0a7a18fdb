"""The store behind the journal: records, spend, reviews, policies and tokens. One contract suite runs on every adapter.

All calls are coroutines and may be made from one event loop; a store does its blocking work elsewhere.
What was appended to the journal is visible here after `settled()`.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from orchvynt.decisions.audit.entries import AuditRow as AuditRow
from orchvynt.model.facts import AnyFact, BudgetGranted, HoldPlaced
from orchvynt.model.repeats import AnswerKept
from orchvynt.model.roles import Role as Role
from orchvynt.ports.audit import AuditStore
from orchvynt.ports.backlog import FilledBehind
from orchvynt.ports.carried import NOTHING_CARRIED, Carried
from orchvynt.ports.changes import ChangeRow as ChangeRow
from orchvynt.ports.changes import Changes
from orchvynt.ports.leases import LeaseStore
from orchvynt.ports.outbox import OutboxStore
from orchvynt.ports.parked import ParkedReviews
from orchvynt.ports.peers import PeerStore
from orchvynt.ports.people import PeopleStore
from orchvynt.ports.processes import ProcessStore
from orchvynt.ports.rates import RateStore
from orchvynt.ports.receipts import ReceiptRow, Spent
from orchvynt.ports.reviews import ReviewQueue
from orchvynt.ports.reviews import ReviewRow as ReviewRow
from orchvynt.ports.reviews import ReviewStatus as ReviewStatus


class StoreUnavailableError(Exception):
    """The store cannot be read or written now. The message names the cause (disk full, locked, read-only)."""


class StoreInUseError(Exception):
    """Another process serves from this store. The message names its process id."""


class SpendRow(msgspec.Struct, frozen=True):
    """What was settled on one budget for one subject in one window (start in ns UTC; 0 is a lifetime, or when it began anew).

    `rolls_ns` is the length of a window that rolls, else 0; `window` is then the start of one of its slices. `tokens` are input and
    output. `touched_at` is the instant of the last receipt. `ends_at` is when the window, or all of the slice, is over: 0 for a lifetime,
    -1 where an older build did not say it."""

    budget: str
    subject: str
    window: int
    rolls_ns: int
    nanos: int
    tokens: int
    output_tokens: int
    invocations: int
    touched_at: int
    ends_at: int = 0


class OpenHold(msgspec.Struct, frozen=True):
    """A hold without receipt: its `HoldPlaced`, and whether its attempt was sent. `sent_at` is 0 if not."""

    inv: str
    attempt: str
    placed: HoldPlaced
    sent_at: int


class PolicyRow(msgspec.Struct, frozen=True):
    """One version. `until` is the instant at which a watched file takes over again, 0 where there is none."""

    version: int
    digest: str
    yaml: str
    message: str
    author: str
    applied_at: int
    commit: str = ""
    until: int = 0


class TokenRow(msgspec.Struct, frozen=True):
    """An admin token: only its SHA-256 is stored."""

    name: str
    role: Role
    sha256: str
    created_at: int
    created_by: str


class KeyRow(msgspec.Struct, frozen=True):
    """One secret that was issued for a key of the policy: only its SHA-256 is stored, and `id` is the start of it.

    It opens nothing from `expires_at` on (ns UTC; 0: never). `used_at` is coarse: written about once a minute.
    """

    id: str
    name: str
    sha256: str
    created_at: int
    created_by: str
    expires_at: int = 0
    used_at: int = 0


class FeedbackRow(msgspec.Struct, frozen=True):
    """One caller's score of one answer."""

    inv: str
    at: int
    provider: str
    model: str
    workload: str
    score: float


class InvocationRow(msgspec.Struct, frozen=True):
    """One line of a list. `outcome` is empty while the invocation runs, `parked` while it is in review."""

    inv: str
    at: int
    endpoint: str
    key_id: str
    workflow: str
    agent: str
    run: str
    requested_model: str
    model: str
    provider: str
    rule: str
    tier: int
    outcome: str
    nanos: int
    duration_ns: int


class Store(
    AuditStore,
    FilledBehind,
    LeaseStore,
    OutboxStore,
    Changes,
    ParkedReviews,
    PeerStore,
    PeopleStore,
    ProcessStore,
    RateStore,
    ReviewQueue,
    Protocol,
):
    async def settled(self) -> None:
        """Returns when every fact that was in the journal at the call is visible in the store."""
        ...

    async def facts(self, inv: str) -> list[AnyFact]:
        """The record of one invocation, in the order in which it was written; empty if unknown."""
        ...

    async def find(self, reference: str) -> list[str]:
        """Invocation ids, newest first, at most 100, that `reference` names: an invocation, attempt, review, provider response,
        request or trace id, a run, or the word `last` (the last finished one)."""
        ...

    async def run(self, run: str) -> list[str]:
        """Invocation ids, newest first, at most 100, of those that a run, request or trace id of this text names, and the invocation of
        this id itself: a run without a name of its own has that of its first invocation."""
        ...

    async def invocations(self, limit: int, before: str) -> list[InvocationRow]:
        """Newest first, at most `limit`, older than the id `before` (empty: from the newest)."""
        ...

    async def feedback(self, limit: int) -> list[FeedbackRow]:
        """The newest `limit`, oldest first."""
        ...

    async def spend(self, now: int = 0) -> list[SpendRow]:
        """Without what is over at `now` (ns UTC; 0: with all of it). Of older builds, a window of more than 32 days ago is over."""
        ...

    async def forget_spend(self, ended_before: int, lifetimes: Sequence[tuple[str, str, int]]) -> None:
        """Drops the rows of windows that were over at `ended_before`, and those of lifetimes: budget, subject and `window`."""
        ...

    async def renamed(self) -> list[tuple[str, str]]:
        """The names that budgets had, each with the one whose spend it is now, whatever became of the `was` that said so."""
        ...

    async def grants(self) -> list[BudgetGranted]:
        """All that was ever granted, oldest first."""
        ...

    async def grant(self, grant: str) -> BudgetGranted | None:
        """By its id."""
        ...

    async def receipts(self, begin: int, end: int, limit: int, after: tuple[int, str] = (0, "")) -> list[ReceiptRow]:
        """Those settled from `begin` to before `end` (ns UTC), in the order of settling, at most `limit`, behind the one with this
        instant and attempt."""
        ...

    async def spent(self, begin: int, end: int, by: Sequence[str], limit: int) -> Spent:
        """Sums of the receipts settled from `begin` to before `end`, by the dimensions in `by` (`decisions.billing.dimensions`), the
        costliest `limit` groups in no order. No dimension: no rows but the total."""
        ...

    async def open_holds(self, process: str = "") -> list[OpenHold]:
        """Those of a process; empty: of this one."""
        ...

    async def unfinished(self, process: str = "") -> list[str]:
        """Invocations of a process (empty: this one) without InvocationFinished that are not parked either: what a crash interrupted."""
        ...

    async def review(self, review: str) -> ReviewRow | None: ...

    async def review_state(self, review: str) -> bytes | None:
        """The newest stored state of the parked invocation: that of ReviewConcluded, else of ReviewDecided, else of ReviewOpened."""
        ...

    async def kept_answer(self, scope: str) -> AnswerKept | None:
        """The newest answer that is kept for an idempotency key, by `Idempotency.scope`. It may have expired. No record holds it."""
        ...

    async def forget_answers(self, now: int) -> None:
        """Drops the kept answers that have expired at `now` (ns UTC)."""
        ...

    async def policies(self) -> list[PolicyRow]:
        """The history, newest first, without the texts: `yaml` is empty."""
        ...

    async def policy(self, version: int) -> PolicyRow | None:
        """One version with its text."""
        ...

    async def add_policy(
        self,
        yaml: str,
        digest: str,
        message: str,
        author: str,
        at: int,
        expected: int | None,
        commit: str,
        until: int = 0,
        carried: Carried = NOTHING_CARRIED,
    ) -> PolicyRow | None:
        """Appends the next version durably and makes it the current one. None if `expected` is not the current version (0: none yet).

        The spend that is `carried` moves with it, and what is still filed under an old name counts under the new one: all, or nothing.
        """
        ...

    async def tokens(self) -> list[TokenRow]: ...

    async def add_token(self, token: TokenRow) -> bool:
        """False if the name is taken."""
        ...

    async def remove_token(self, name: str) -> bool: ...

    async def keys(self) -> list[KeyRow]:
        """By name, then oldest first."""
        ...

    async def add_key(self, key: KeyRow, others_expire_at: int = 0) -> bool:
        """False if the id is taken. With `others_expire_at` the other secrets of the same name expire then, unless they do so earlier:
        both together, or nothing."""
        ...

    async def remove_key(self, key_id: str) -> bool: ...

    async def use_keys(self, used: Sequence[tuple[str, int]]) -> None:
        """Pairs of id and instant; a later instant stays."""
        ...

    async def alerting(self) -> bytes | None:
        """What `keep_alerting` was given last; None before."""
        ...

    async def keep_alerting(self, memory: bytes) -> None:
        """Keeps, in place of what was kept before, what alerts have told and have still to deliver; only they read it."""
        ...

    async def close(self) -> None: ...
