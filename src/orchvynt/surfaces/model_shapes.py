"""The JSON about models and their routes, as in operator_shapes. Unmeasured and unknown figures are null."""

from typing import Literal

import msgspec


class ProviderView(msgspec.Struct, frozen=True):
    """One model's route. While it is `resting` it is not asked in its place until `resting_until`, because of `why`: a trigger, or
    `breaker`. The breakers are the model's own and its address's; an error rate is of the breaker's window, or of the one that opened it.
    `attempts` and `failures` count since the start; the other figures are of the last five minutes. `quality` is the one in force,
    `scores` how much feedback it rests on."""

    model: str
    provider: str
    upstream_model: str
    address: str
    state: Literal["ready", "resting"]
    resting_until: str
    why: str
    attempts: int
    failures: int
    samples: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    error_rate: float | None = None
    cost_per_call_nanos: int | None = None
    quality: float | None = None
    scores: int = 0
    input_nanos_per_million: int | None = None
    output_nanos_per_million: int | None = None
    price_source: str = ""
    breaker: Literal["closed", "open", "half-open"] = "closed"
    breaker_error_rate: float | None = None
    breaker_until: str = ""
    address_breaker: Literal["closed", "open", "half-open"] = "closed"
    address_breaker_until: str = ""


class AlertView(msgspec.Struct, frozen=True):
    """One chain and provider for which an alert holds (`pending` until it is told), or held a moment ago (`resolving`). `alert` is where
    it stands in the policy, or what is always watched; that has no chain and no rate, and `calls` is how often it happened within the
    window. `invocation` is the last one that was counted; `notify` are the destinations that are told.

    Of a `budget`, `subject` is whose spend reached `threshold` (`80%`), and `spent` what that was, as `2.1 of 2.5 USD`."""

    alert: str
    when: str
    state: Literal["pending", "firing", "resolving"]
    window_ms: float
    chain: str
    provider: str
    activation_rate: float | None
    calls: int
    since: str
    invocation: str
    notify: tuple[str, ...]
    budget: str = ""
    subject: str = ""
    threshold: str = ""
    spent: str = ""


class ModelView(msgspec.Struct, frozen=True):
    """A name of the policy. Prices are nano-dollars per million tokens; sizes are 0 when unknown. `quality` is declared,
    `quality_in_force` is what routing takes for a workload without a declaration of its own, `quality_measured` the lower confidence
    bound of the `scores` alone. `continues` is how the model goes on with an answer that broke off."""

    model: str
    provider: str
    upstream_model: str
    aliases: tuple[str, ...]
    pattern: bool
    quality: float | None
    region: str
    context_window: int
    max_output_tokens: int
    input_nanos_per_million: int | None
    output_nanos_per_million: int | None
    price_source: str
    cached_input_nanos_per_million: int | None = None
    tools: bool | None = None
    images: bool | None = None
    json_schema: bool | None = None
    continues: Literal["prefill", "instruct", "never"] | None = None
    quality_in_force: float | None = None
    quality_measured: float | None = None
    scores: int = 0
    samples: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    error_rate: float | None = None
    cost_per_call_nanos: int | None = None
