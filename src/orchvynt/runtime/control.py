"""What an operator may ask of a running OrchVynt; the admin API and nothing else calls it."""

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

from orchvynt.decisions.budgets.standing import Burn, Forecast, Measure
from orchvynt.decisions.reviews.cases import Voter
from orchvynt.language.compiled_budgets import BreachKind
from orchvynt.language.problems import Problem
from orchvynt.language.snapshot import Snapshot
from orchvynt.model.builds import Build
from orchvynt.model.facts import BudgetGranted, Choice
from orchvynt.model.faults import Fault
from orchvynt.ports.changes import ChangeRow
from orchvynt.ports.checking import Compared
from orchvynt.ports.store import PolicyRow, ReviewRow, Store
from orchvynt.runtime.control_lines import BreakerLine as BreakerLine
from orchvynt.runtime.control_lines import ProviderLine as ProviderLine
from orchvynt.runtime.control_lines import RateLimitLine as RateLimitLine
from orchvynt.runtime.destinations import DestinationLine as DestinationLine
from orchvynt.runtime.destinations import Notifying
from orchvynt.runtime.destinations import Tested as Tested
from orchvynt.runtime.others import Replica as Replica
from orchvynt.runtime.shedding import Shed

Version = int | None
"""A version of the history; None is the one in force."""


class BudgetLine(msgspec.Struct, frozen=True):
    """One budget for one subject in its current window. Limits are None where the budget has none; what was granted comes
    on top of them. `resets_at` is 0 for a lifetime.

    `measures` are all of its limits, each with what was granted. `breach_model` is the one that is admitted past the limit of a budget
    that downgrades; `rolls_ns` the length of a window that rolls. `leased_…` is what processes that share the store have leased and not
    settled, with what they hold."""

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
    measures: tuple[Measure, ...] = ()
    burn: Burn = Burn()
    forecast: Forecast = Forecast()
    breach: BreachKind = "reject"
    breach_model: str = ""
    rolls_ns: int = 0
    granted_nanos: int = 0
    granted_tokens: int = 0
    leased_nanos: int = 0
    leased_tokens: int = 0


class Grant(msgspec.Struct, frozen=True):
    """What an operator wants to grant: money or tokens, the other is 0. `id` is the caller's own, empty where it has none."""

    budget: str
    subject: str
    nanos: int
    tokens: int
    reason: str
    by: str
    id: str = ""


class Granted(msgspec.Struct, frozen=True):
    """A grant that is in force; not `new` if it was there already."""

    given: BudgetGranted
    new: bool


class Change(msgspec.Struct, frozen=True):
    """A policy to put in force. `may_bind`: who asks may name new addresses, and send secrets to them. `expected` is the version that
    must be in force (0: none yet). `for_ns`: a watched file takes over again after so long; 0 for good. `break_glass`: in force
    though it weakens what is protected, and everybody is told."""

    yaml: str
    message: str
    by: str
    may_bind: bool
    expected: int | None = None
    commit: str = ""
    for_ns: int = 0
    file: str = "policy.yaml"
    break_glass: bool = False


class Rollback(msgspec.Struct, frozen=True):
    """`version` None: to the last version before the one in force that says something else."""

    version: int | None
    message: str
    by: str
    may_bind: bool
    for_ns: int = 0
    break_glass: bool = False


class Applied(msgspec.Struct, frozen=True):
    """The version that is now in force, and what its author should know. `weakened` is what the glass was broken for. `replicas` are this
    process and the others, with what each serves a second later at the latest."""

    row: PolicyRow
    warnings: tuple[Problem, ...] = ()
    weakened: tuple[str, ...] = ()
    replicas: tuple[Replica, ...] = ()


Changed = Applied | ChangeRow | list[Problem] | Fault
"""What becomes of an apply: in force, waiting for people, or refused."""


class Checked(msgspec.Struct, frozen=True):
    """What is to be said of a policy; `bindings` are what it newly reaches, which takes the role admin, in words; `streams` which gate
    holds which streams, a line each."""

    problems: tuple[Problem, ...]
    bindings: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()


class AlertLine(msgspec.Struct, frozen=True):
    """One chain and provider for which an alert holds (`pending` until it is told), or held a moment ago (`resolving`). What is always
    watched has neither a chain nor a rate: `calls` is how often it happened within the window. `since` is in ns UTC.

    Of a budget's `threshold` (such as `80%`) neither: `spent` says in words what `subject` had spent when it was reached; of a store that
    is away (`store_away`), how it stands. `calls` are then the invocations that it may not have heard of."""

    alert: str
    when: str
    window_ns: int
    phase: Literal["pending", "firing", "resolving"]
    chain: str
    provider: str
    activation_rate: float | None
    calls: int
    since: int
    invocation: str
    notify: tuple[str, ...]
    budget: str = ""
    subject: str = ""
    threshold: str = ""
    spent: str = ""


class Status(msgspec.Struct, frozen=True):
    """`drift` says in words how the file given to --policy differs from the version in force; empty when it does not.

    `watch` is empty where no file is watched; `paused` while a version that was applied over the file is in force. `alerts` are those
    that hold or held a moment ago, the 100 that stand longest. `shed` is what overload makes it refuse,
    `shed_total` what it has refused since its start. `outage` says how it stands with a
    store that is away; empty while it is there.
    """

    version: str
    policy: PolicyRow
    drift: str
    watch: Literal["", "following", "paused", "broken"]
    started_at: int
    invocations_open: int
    streams_open: int
    reviews_open: int
    holds_waiting: int
    journal_bytes: int
    store: str
    draining: bool
    alerts: tuple[AlertLine, ...] = ()
    build: Build = "pure"
    shed: Shed = Shed()
    shed_total: int = 0
    outage: str = ""


class Control(Notifying, Protocol):
    """Refusals are Faults (values); `by` is who asks, as `token:NAME`."""

    store: Store

    @property
    def snapshot(self) -> Snapshot: ...

    async def filed(self) -> None:
        """What happened until now, at whichever process, is in the store when this returns. Raises StoreUnavailableError."""
        ...

    def status(self) -> Status: ...

    async def replicas(self) -> tuple[Replica, ...]:
        """All processes that may serve from this store, this one first, and what each serves."""
        ...

    def budgets(self) -> list[BudgetLine]:
        """As this process knows them."""
        ...

    async def standing(self) -> list[BudgetLine]:
        """The same over all processes that share the store. Raises StoreUnavailableError."""
        ...

    async def rate_limits(self) -> list[RateLimitLine]:
        """Over all processes that share the store. Raises StoreUnavailableError."""
        ...

    def providers(self) -> list[ProviderLine]: ...

    def alerts(self) -> list[AlertLine]:
        """What stands now, the longest standing first."""
        ...

    async def validate(self, yaml: str, file: str) -> Checked | Fault:
        """Everything that is wrong with a text, and what its author should know; nothing is changed."""
        ...

    async def compare(self, old: Version, new: Version | tuple[str, str]) -> Compared | Fault:
        """A version with another one, or with a text and the name of its file."""
        ...

    async def apply(self, change: Change) -> Changed:
        """Live when it returns; or a change that waits for people, for it weakens what is protected.

        Problems (with at least one error) if it is refused; Faults `conflict`, `forbidden`, `policy_invalid`."""
        ...

    async def rollback(self, asked: Rollback) -> Changed:
        """Appends a new version with the old text."""
        ...

    async def decide_change(self, change: str, decision: Choice, voter: Voter, reason: str) -> Changed:
        """One vote on a change that waits. Applied where it was the last approval that was missing."""
        ...

    async def grant(self, asked: Grant) -> Granted | Fault:
        """In force when it returns. Faults: `not_found` (no such budget), `invalid_request`, `forbidden` (over `grant_max`), `conflict`
        (the id has another content)."""
        ...

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
        """One vote; exactly one decision wins. `amount` is what an approval grants of a budget; `reply`, `edition`: see `cases.vote`.
        Faults: `not_found`, `invalid_request`, `forbidden` (not who is asked), `conflict` (who decided, or has claimed it)."""
        ...

    async def decide_all(self, reviews: Sequence[str], decision: Choice, voter: Voter, reason: str) -> list[ReviewRow | Fault]:
        """The same vote on several reviews, each decided apart. Faults: those of `decide`, and `store_unavailable`."""
        ...

    async def claim(self, review: str, voter: Voter) -> ReviewRow | Fault: ...

    async def release(self, review: str, voter: Voter) -> ReviewRow | Fault: ...


class About(Protocol):
    """What assembly knows of the process: where its store is, how much journal there is, whether it is stopping."""

    version: str
    build: Build
    name: str
    started_at: int
    store: str

    def journal_bytes(self) -> int: ...

    def draining(self) -> bool: ...

    def applied(self, snapshot: Snapshot) -> None:
        """A snapshot is in force: what it says of the process itself (`journal.sync`) is done."""
        ...

    def unfit(self, snapshot: Snapshot) -> str:
        """Why this process may not serve it, as it was started; empty if it may."""
        ...
