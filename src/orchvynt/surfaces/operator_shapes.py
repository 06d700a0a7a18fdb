"""The JSON of the admin API, which the command line prints as it is: the one thing that both sides of that line share.

Instants are RFC 3339 UTC texts (empty: none), money is nano-dollars with a decimal text of USD beside it, durations are milliseconds.
"""

from typing import Any, Generic, Literal, TypeVar

import msgspec

from orchvynt.model.builds import Build
from orchvynt.surfaces.budget_shapes import BurnView, ForecastView, MeasureView
from orchvynt.surfaces.model_shapes import AlertView
from orchvynt.surfaces.policy_shapes import ReplicaView

Item = TypeVar("Item")
RoleName = Literal["viewer", "reviewer", "operator", "admin"]


class Listing(msgspec.Struct, Generic[Item], frozen=True):
    """One page. `next` is what to give as `after` for the following page; null on the last one."""

    items: tuple[Item, ...]
    next: str | None = None


class InvocationView(msgspec.Struct, frozen=True):
    """One line of a list. `outcome` is `running` and `parked` before there is one. `verdict` is given in runs only."""

    invocation: str
    at: str
    endpoint: str
    workflow: str
    agent: str
    run: str
    asked: str
    model: str
    provider: str
    rule: str
    tier: int
    outcome: str
    cost_nanos: int
    cost_usd: str
    duration_ms: float
    verdict: str = ""


class RunView(msgspec.Struct, frozen=True):
    """One run, its invocations from the first to the last. `truncated` is true when it has more than are given;
    all figures are of those that are given. `held_nanos` is what its open attempts may still cost; `estimated`: some of its cost is a
    bound that no provider confirmed."""

    run: str
    workflow: str
    agents: tuple[str, ...]
    invocations: int
    cost_nanos: int
    cost_usd: str
    input_tokens: int
    output_tokens: int
    items: tuple[InvocationView, ...]
    truncated: bool
    next: str | None = None
    held_nanos: int = 0
    held_usd: str = "0"
    attempts: int = 0
    estimated: bool = False


class BudgetView(msgspec.Struct, frozen=True):
    """One budget for one subject in its current window. What the budget does not limit is null. `resets_at` is empty for a lifetime.

    `measures` are all of its limits, each with what was granted on top; `state` is by the one that is used most: `low` from 80 %, `full`
    at its limit, `over` past it, where a budget does not refuse. `rolls_ms` is the length of a window that rolls, else 0. `breach_model`
    is what a budget that downgrades admits past its limit. What remains of `limit_…` is with what was granted, too.
    `leased_…` is what processes that share the store may still spend of it, with what they hold; 0 where there is one."""

    name: str
    scope: str
    subject: str
    window: str
    resets_at: str
    limit_nanos: int | None
    settled_nanos: int
    held_nanos: int
    remaining_nanos: int | None
    limit_tokens: int | None
    settled_tokens: int
    held_tokens: int
    remaining_tokens: int | None
    waiting: int
    rolls_ms: float = 0.0
    on_breach: str = "reject"
    breach_model: str = ""
    state: Literal["ok", "low", "full", "over"] = "ok"
    measures: tuple[MeasureView, ...] = ()
    burn: BurnView = BurnView()
    forecast: ForecastView = ForecastView()
    granted_nanos: int = 0
    granted_tokens: int = 0
    leased_nanos: int = 0
    leased_tokens: int = 0


class ProcessView(msgspec.Struct, frozen=True):
    """One process that serves from the store, with its journal. `out_of_reach`: it says nothing, and did not come to its end; what its
    journal may hold is counted once it is back."""

    process: str
    host: str
    pid: int
    journal: str
    version: str
    state: Literal["serving", "draining", "out_of_reach"]
    began_at: str
    seen_at: str


class StatusView(msgspec.Struct, frozen=True):
    """`drift` says how the file given to --policy differs from the version in force; empty when it does not. `watch` is empty where no
    file is watched (`serve --watch`); `paused` while a version that was applied over the file is in force. `build` says
    whether the hot path runs compiled ahead of time, or as pure Python. `shedding_since` is empty unless overload makes it refuse
    invocations: why, and how many since then, say `shedding_why` and `shed`; `shed_total` counts since the processes began. `outage`
    says since when the store is away, why, and what that has closed; empty while it is there."""

    version: str
    policy_version: int
    policy_digest: str
    policy_since: str
    policy_by: str
    policy_message: str
    policy_commit: str
    policy_until: str
    drift: str
    watch: Literal["", "following", "paused", "broken"]
    replicas: tuple[ReplicaView, ...]
    started_at: str
    invocations_open: int
    streams_open: int
    reviews_open: int
    holds_waiting: int
    journal_bytes: int
    store: str
    draining: bool
    alerts: tuple[AlertView, ...] = ()
    build: Build = "pure"
    shedding_since: str = ""
    shedding_why: str = ""
    shed: int = 0
    shed_total: int = 0
    processes: tuple[ProcessView, ...] = ()
    outage: str = ""


class TokenView(msgspec.Struct, frozen=True):
    name: str
    role: RoleName
    created_at: str
    created_by: str


class TokenBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    role: RoleName


class TokenIssued(TokenView, frozen=True):
    """`secret` is shown this once; only its SHA-256 is stored."""

    secret: str


class TokenRevoked(msgspec.Struct, frozen=True):
    name: str
    revoked: bool


class StepMigrated(msgspec.Struct, frozen=True):
    """One step of the schema; a number has up to two parts."""

    number: int
    name: str
    part: Literal["pre", "post"]


class StoreMigrated(msgspec.Struct, frozen=True):
    """What was to be done, in its order, and whether it was; `script` would do it, under --print alone."""

    store: str
    steps: tuple[StepMigrated, ...]
    done: bool
    script: str


class TableMoved(msgspec.Struct, frozen=True):
    """`digest` is the sum of the rows' SHA-256, in hex."""

    table: str
    rows: int
    digest: str


class StoreMoved(msgspec.Struct, frozen=True, rename={"source": "from", "target": "to"}):
    """`audit` says what is wrong with the chain that arrived; empty where it is whole."""

    source: str
    target: str
    tables: tuple[TableMoved, ...]
    rows: int
    audit: str


class StoreReopened(msgspec.Struct, frozen=True):
    """A store that had been moved to `moved_to`, and may be served from again, as it was then."""

    store: str
    moved_to: str


class StoreBackup(msgspec.Struct, frozen=True):
    """What the copy holds: all up to the invocation that finished last, and so many entries of the audit; `head` is the hash of the newest
    (`orchvynt audit verify --head` takes it). Both are empty where there is none, and where an older build wrote the store, whose schema
    is then `older_schema` (else 0)."""

    store: str
    file: str
    bytes: int
    last_finished: str
    audit_entries: int
    head: str
    older_schema: int = 0


class Health(msgspec.Struct, frozen=True):
    status: Literal["ok", "draining", "store_away"]


class Refusal(msgspec.Struct, frozen=True):
    """Every refusal. `code` is stable; `help` says what to do; `detail` holds what decided."""

    message: str
    type: str
    code: str
    param: str | None = None
    help: str = ""
    detail: dict[str, Any] = {}


class RefusalBody(msgspec.Struct, frozen=True):
    error: Refusal
