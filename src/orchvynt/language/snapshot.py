"""The compiled policy: an immutable value that invocations are pinned to. It holds references to secrets, never a secret."""

from typing import Any, Literal

import msgspec

from orchvynt.catalog.capabilities import Capabilities as Capabilities  # part of a model's shape here
from orchvynt.catalog.continues import Continues
from orchvynt.language.compiled import EvaluationError as EvaluationError  # these, too, are read as parts of the snapshot
from orchvynt.language.compiled import Evidence as Evidence
from orchvynt.language.compiled import Expression as Expression
from orchvynt.language.compiled import Outage as Outage
from orchvynt.language.compiled import SecretRef as SecretRef
from orchvynt.language.compiled import Wanted as Wanted
from orchvynt.language.compiled_budgets import Breach as Breach
from orchvynt.language.compiled_budgets import Budget as Budget
from orchvynt.language.compiled_budgets import Limits as Limits
from orchvynt.language.compiled_budgets import RateLimit as RateLimit
from orchvynt.language.compiled_budgets import Scope as Scope
from orchvynt.language.compiled_budgets import WindowKind as WindowKind
from orchvynt.language.compiled_fallback import Alert as Alert
from orchvynt.language.compiled_fallback import Breaking as Breaking
from orchvynt.language.compiled_fallback import Chain as Chain
from orchvynt.language.compiled_fallback import ChainUse as ChainUse
from orchvynt.language.compiled_fallback import Retry as Retry
from orchvynt.language.compiled_fallback import Timeouts as Timeouts
from orchvynt.language.compiled_gates import Confidence as Confidence
from orchvynt.language.compiled_gates import Escalation as Escalation
from orchvynt.language.compiled_gates import Gate as Gate
from orchvynt.language.compiled_gates import Group as Group
from orchvynt.language.compiled_gates import Presidio as Presidio
from orchvynt.language.compiled_gates import Stage as Stage
from orchvynt.language.compiled_gates import WorkingHours as WorkingHours
from orchvynt.language.compiled_notify import Channel as Channel
from orchvynt.language.compiled_notify import Destination as Destination
from orchvynt.language.compiled_notify import Mailbox as Mailbox
from orchvynt.language.compiled_notify import SlackChannel as SlackChannel
from orchvynt.language.compiled_protected import Protected as Protected
from orchvynt.model.money import Price

ProviderKind = Literal["openai", "openai-compatible", "anthropic", "ollama"]
Wire = Literal["openai_chat", "anthropic_messages", "ollama_chat"]


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


class Expect(msgspec.Struct, frozen=True):
    """Declared latencies in milliseconds, used while nothing was measured; None where nothing is declared."""

    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None


class Model(msgspec.Struct, frozen=True):
    """A name of the policy. `price` is None when unknown. `context_window` and `max_output_tokens` are 0 when unknown.

    `continues` is how it goes on with an answer that another model began; None for a pattern: what matches it says."""

    name: str
    provider: Provider
    upstream_model: str
    price: Price | None
    quality: float | None = None
    quality_by_workload: dict[str, float] = {}
    context_window: int = 0
    max_output_tokens: int = 0
    region: str = ""
    expect: Expect = Expect()
    capabilities: Capabilities = Capabilities()
    continues: Continues | None = None


class Choose(msgspec.Struct, frozen=True):
    """The best of `models` (names, in the order of the document) for which `where` holds. `prefer` is a word, or an expression of
    stage candidate that gives a number: the lowest wins for `cost`, `latency` and an expression, the highest for `quality`."""

    models: tuple[str, ...]
    where: Expression | None
    prefer: Literal["cost", "latency", "quality"] | Expression


class Split(msgspec.Struct, frozen=True):
    """`shares` are (model, parts of 10,000), which add up to 10,000. `sticky` is the variable whose value decides the side, as
    `run` or `context.customer`; None: each invocation is drawn by its own id."""

    shares: tuple[tuple[str, int], ...]
    sticky: Expression | None


class Rule(msgspec.Struct, frozen=True):
    """Exactly one of `use`, `choose` and `split` says what happens. `equalities` are (variable, text) pairs that all must hold for
    `when` to be true, found in its conjunctions: an index may skip the rule where one does not."""

    name: str
    when: Expression | None
    use: str = ""
    choose: Choose | None = None
    split: Split | None = None
    equalities: tuple[tuple[str, str], ...] = ()


class RuleIndex(msgspec.Struct, frozen=True):
    """Where rules are found by an equality (language.rule_index). `rules` are those it was made of. `always` are the numbers of the
    rules that must be tried, `places` the tables by variable or `context.KEY`: text → numbers of rules. Numbers ascend everywhere."""

    rules: tuple[Rule, ...] = ()
    always: tuple[int, ...] = ()
    places: tuple[tuple[str, dict[str | None, tuple[int, ...]]], ...] = ()


class Constraint(msgspec.Struct, frozen=True):
    """Where `when` holds (or is None, or fails), only models of these regions may be attempted."""

    when: Expression | None
    regions: frozenset[str]


class Fixed(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a key says for its callers, whatever they say. An empty text fixes nothing; `flags` are added to the caller's; the keys of
    `context` win over the caller's keys of the same name."""

    workflow: str = ""
    agent: str = ""
    run: str = ""
    session: str = ""
    workload: str = ""
    user: str = ""
    flags: tuple[str, ...] = ()
    context: dict[str, Any] = {}
    min_quality: float | None = None


class Key(msgspec.Struct, frozen=True):
    """Who may call. The secret is not here: the store holds the digests of those that were issued under this name.

    `may_set` is None where the caller may say everything that is not fixed. `require` names claims that must not be empty.
    `allow_models` is None where every model is allowed. Its webhook is a destination of its own (`build_callbacks`); `sends_answer` says
    that messages to it hold the answer. `priority`: whose calls are let in first where not all can be."""

    name: str
    owner: str = ""
    fixed: Fixed = Fixed()
    may_set: frozenset[str] | None = None
    require: tuple[str, ...] = ()
    allow_models: frozenset[str] | None = None
    sends_answer: bool = False
    priority: Literal["low", "normal", "high"] = "normal"


class PolicyTest(msgspec.Struct, frozen=True):
    """One of the policy's own tests: what a caller asks (`given`), how the providers behave, by name (`providers`), and what must come
    of it (`expect`). `line` is where it stands in the file."""

    name: str
    line: int
    given: dict[str, Any] = {}
    providers: dict[str, dict[str, Any]] = {}
    expect: dict[str, Any] = {}


class Snapshot(msgspec.Struct, frozen=True):
    """`default` is empty where the policy names none. `version` is 0 until the store has numbered it; `commit` is the git commit that
    the version was applied from, empty where none is known. `metrics` says whether they are shown.

    `digest` names the meaning: comments and order of keys do not change it. `keys` is empty where the policy has no such section:
    then any credential, or none, is accepted, on loopback only.
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
    chains: dict[str, Chain]
    budgets: tuple[Budget, ...]
    gates: tuple[Gate, ...]
    groups: dict[str, Group]
    sync: Literal["process", "power"] = "process"
    timezone: str = "UTC"
    constraints: tuple[Constraint, ...] = ()
    keys: dict[str, Key] = {}
    rule_index: RuleIndex = RuleIndex()
    tests: tuple[PolicyTest, ...] = ()
    commit: str = ""
    metrics: bool = True
    alerts: tuple[Alert, ...] = ()
    destinations: dict[str, Destination] = {}
    breaking: Breaking = Breaking()
    chain_uses: tuple[ChainUse, ...] = ()
    rate_limits: tuple[RateLimit, ...] = ()
    evidence: Evidence | None = None
    protected: Protected | None = None
    presidio: Presidio | None = None
    outage: Outage = Outage()
