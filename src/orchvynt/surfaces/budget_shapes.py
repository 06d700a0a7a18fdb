"""The JSON about money: how budgets stand, what was spent by whom, and statements. Shared by the admin API and the command line.

Instants are RFC 3339 UTC texts (empty: none), money is nano-dollars, with a decimal text of USD where a person may look.
"""

from typing import Literal

import msgspec

UnitName = Literal["usd", "tokens", "input_tokens", "output_tokens", "invocations"]


class MeasureView(msgspec.Struct, frozen=True):
    """One limit of a budget. Figures of `usd` are nano-dollars. `used` is a share: 1 is all, more is past the limit of a budget that does
    not refuse there; `remaining` is then negative. `leased` is what processes that share the store may still spend, with what is held."""

    unit: UnitName
    limit: int
    settled: int
    held: int
    remaining: int
    used: float
    leased: int = 0


class BurnView(msgspec.Struct, frozen=True):
    """What is spent in an hour, measured over `over_ms` up to now: by the recent receipts, or by the window so far. `basis` is empty, and
    all else 0, where too little is known."""

    basis: Literal["", "recent", "window"] = ""
    over_ms: float = 0.0
    nanos_per_hour: int = 0
    tokens_per_hour: int = 0
    input_tokens_per_hour: int = 0
    output_tokens_per_hour: int = 0
    invocations_per_hour: int = 0


class ForecastView(msgspec.Struct, frozen=True):
    """Where this rate leads: when the limit of `unit` is reached (`full_at`, empty if not before the reset), and how much of it will be
    used at the reset, as a share. `unit` is empty where nothing can be said."""

    unit: UnitName | Literal[""] = ""
    full_at: str = ""
    used_at_reset: float = 0.0


class SpentView(msgspec.Struct, frozen=True):
    """What one group came to. `group` has a value for each name of `by`, empty where callers said nothing. `attempts` are those that cost
    something or may have, each with its receipt; of them `estimated` were settled at a bound that no provider confirmed. An invocation
    whose attempts fall into several groups counts in each."""

    group: dict[str, str]
    attempts: int
    invocations: int
    nanos: int
    usd: str
    estimated: int
    estimated_nanos: int
    estimated_usd: str
    overruns: int
    input_tokens: int
    cached_input_tokens: int
    cache_written_tokens: int
    output_tokens: int
    reasoning_tokens: int


class ReceiptView(msgspec.Struct, frozen=True):
    """What one attempt cost, and whose it was. `response` is the provider's own name of its answer; `why` says why an `estimated` one was
    settled at a bound. `context` is what the caller said, as JSON text, empty for nothing."""

    attempt: str
    invocation: str
    at: str
    model: str
    provider: str
    upstream_model: str
    response: str
    nanos: int
    usd: str
    price_source: str
    estimated: bool
    why: str
    overrun: bool
    input_tokens: int
    cached_input_tokens: int
    cache_written_tokens: int
    output_tokens: int
    reasoning_tokens: int
    key: str
    key_id: str
    workflow: str
    agent: str
    run: str
    session: str
    workload: str
    user: str
    context: str


class SpendReport(msgspec.Struct, frozen=True):
    """Receipts settled from `since` to before `until`, by `by`, the costliest group first. `total` is of all groups, not of this page."""

    by: tuple[str, ...]
    since: str
    until: str
    items: tuple[SpentView, ...]
    total: SpentView
    next: str | None = None


class Statement(msgspec.Struct, frozen=True):
    """One month in the policy's `timezone`: every receipt settled in it, by `by`, in the order of the groups' names. `closed` is false
    while the month lasts. `total` is the sum of all groups to the nano-dollar."""

    month: str
    timezone: str
    since: str
    until: str
    closed: bool
    by: tuple[str, ...]
    items: tuple[SpentView, ...]
    total: SpentView
    next: str | None = None
