"""The compiled policy: an immutable value that invocations are pinned to. It holds references to secrets, never a secret."""

from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from orchvynt.model.money import Price

ProviderKind = Literal["openai", "openai-compatible", "anthropic", "ollama"]
Wire = Literal["openai_chat", "anthropic_messages", "ollama_chat"]
Scope = Literal["invocation", "run", "session", "agent", "workflow", "key", "global"]
WindowKind = Literal["minute", "hour", "day", "week", "month", "lifetime"]


class EvaluationError(Exception):
    """An expression failed while it ran. The caller decides what that means: a rule does not match, gates and budgets close."""


class Expression(msgspec.Struct, frozen=True):
    """A checked, compiled expression. `evaluate(values)` looks each variable up as `values[NAME]`.

    Raises EvaluationError. `names` are the variables that it may read, as dotted names (`context.x` counts as `context`).
    """

    text: str
    evaluate: Callable[[Mapping[str, object]], object]
    names: frozenset[str]


class SecretRef(msgspec.Struct, frozen=True):
    """`${env:NAME}` or `${file:PATH}`; resolved on the server only."""

    source: Literal["env", "file"]
    name: str


class Provider(msgspec.Struct, frozen=True):
    """Where models are served. `host`, `port`, `tls` and `path_prefix` are the parsed base_url."""

    name: str
    kind: ProviderKind
    wire: Wire
    host: str
    port: int
    tls: bool
    path_prefix: str
    api_key: SecretRef | None


class Model(msgspec.Struct, frozen=True):
    """A name of the policy. `price` is None when unknown. `context_window` and `max_output_tokens` are 0 when unknown."""

    name: str
    provider: Provider
    upstream_model: str
    price: Price | None
    quality: float | None = None
    quality_by_workload: dict[str, float] = {}
    context_window: int = 0
    max_output_tokens: int = 0
    region: str = ""


class Rule(msgspec.Struct, frozen=True):
    name: str
    when: Expression | None
    use: str


class Retry(msgspec.Struct, frozen=True):
    max_retries: int
    backoff_base_ns: int
    backoff_max_ns: int
    respect_retry_after_ns: int


class Timeouts(msgspec.Struct, frozen=True):
    connect_ns: int
    first_token_ns: int
    stall_ns: int
    answer_ns: int
    invocation_ns: int


class Chain(msgspec.Struct, frozen=True):
    """`triggers` holds the words of POLICY's table and `status_NNN`."""

    name: str
    tiers: tuple[str, ...]
    triggers: frozenset[str]


class Budget(msgspec.Struct, frozen=True):
    """A hard budget. A limit that is None does not bound. `nanos` is money, `tokens` is input + output."""

    name: str
    scope: Scope
    when: Expression | None
    window: WindowKind
    nanos: int | None = None
    tokens: int | None = None
    wait_for_holds_ns: int = 30_000_000_000
    min_output_tokens: int = 16


class Escalation(msgspec.Struct, frozen=True):
    """After `after_ns`: `to` a further group, or (`to` empty) reject."""

    after_ns: int
    to: str


class Gate(msgspec.Struct, frozen=True):
    """`wait_up_to_ns` is None for `auto`: the caller's own timeout less ten seconds. `refuse_streams` is `stream: refuse`."""

    name: str
    stage: Literal["output"]
    when: Expression | None
    reviewers: str
    require_reason: bool
    wait_up_to_ns: int | None
    escalation: Escalation | None
    refuse_streams: bool = False


class Group(msgspec.Struct, frozen=True):
    name: str
    members: tuple[str, ...]
    oidc: str = ""


class Snapshot(msgspec.Struct, frozen=True):
    """`default` is empty where the policy names none. `version` is 0 until the store has numbered it.

    `digest` names the meaning: comments and order of keys do not change it.
    """

    version: int
    digest: str
    source: str
    providers: dict[str, Provider]
    models: dict[str, Model]
    aliases: dict[str, str]
    patterns: tuple[tuple[str, Model], ...]
    rules: tuple[Rule, ...]
    default: str
    unknown_model: Literal["refuse", "default"]
    retry: Retry
    timeouts: Timeouts
    chain: Chain | None
    budgets: tuple[Budget, ...]
    gates: tuple[Gate, ...]
    groups: dict[str, Group]
    sync: Literal["process", "power"] = "process"
