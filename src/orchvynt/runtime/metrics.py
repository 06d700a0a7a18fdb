"""The declarations of all metrics: name, kind, labels and meaning. The page, its reference, and the tests are made of them.

Names follow https://prometheus.io/docs/practices/naming/ (base units, `_total`). Concepts are those of OpenTelemetry's GenAI conventions
(https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/), which each `concept` names.
"""

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

OTHER: Final = "other"
"""What a policy's name counts under once a metric is full, and a model that the invocation's policy does not name."""

SERIES_MAX: Final = 1_000
HISTOGRAM_SERIES_MAX: Final = 200

Kind = Literal["counter", "gauge", "histogram"]


class Label(msgspec.Struct, frozen=True):
    """`named`: its values are names of the policy. All others come from closed lists of this build."""

    name: str
    meaning: str
    named: bool = False


class Metric(msgspec.Struct, frozen=True):
    """`scale` is what the kept whole numbers are divided by on the page. `bounds` are a histogram's, before that division. Under `other`
    numbers are added up, or, where a sum means nothing (`highest`), the highest stands; so it does among processes, and of what they
    share (`level`), too."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[Label, ...] = ()
    scale: int = 1
    bounds: tuple[int, ...] = ()
    concept: str = ""
    highest: bool = False
    level: bool = False

    @property
    def series_max(self) -> int:
        return HISTOGRAM_SERIES_MAX if self.bounds else SERIES_MAX


Values = tuple[str, ...]
"""One value for each label of the metric, in its order."""


class Sampled(msgspec.Struct, frozen=True):
    """What a metric shows at one instant. Of a histogram: the count of each bucket, of what is beyond the last bound, and the sum."""

    metric: Metric
    numbers: Mapping[Values, int] = {}
    buckets: Mapping[Values, tuple[int, ...]] = {}


MODEL: Final = Label("model", "a model of the policy; a name that only a pattern knows counts under the pattern", named=True)
FROM_MODEL: Final = Label("from_model", "the model that failed, as `model`", named=True)
TO_MODEL: Final = Label("to_model", "the model that was asked next, as `model`", named=True)
PROVIDER: Final = Label("provider", "the policy's name of who serves the model", named=True)
RULE: Final = Label("rule", "the routing rule that matched; empty where none did", named=True)
BUDGET: Final = Label("budget", "the budget's name", named=True)
RATE_LIMIT: Final = Label("rate_limit", "the rate limit's name", named=True)
GATE: Final = Label("gate", "the gate's name", named=True)
TRIGGER: Final = Label("trigger", "the trigger of the chain: a word of the policy reference, or `status_NNN`", named=True)
OUTCOME: Final = Label("outcome", "`answered`, `refused`, `failed`, `cancelled` or `interrupted`")
WORD: Final = Label("outcome", "`answered`, a trigger's word, or `cancelled`")
DIALECT: Final = Label("dialect", "the wire format that the caller speaks")
CODE: Final = Label("code", "a code of the [errors](errors.md)")
LAYER: Final = Label("layer", "`http`: the server itself, before the request was whole; `endpoint`: what the path takes")
END: Final = Label("end", "`whole`, `broken` (it ended with an error event), or `caller_left`")
HOW: Final = Label("how", "`attached` (its invocation was under way), `joined` (it was in review), `kept` (its answer was told again)")
PHASE: Final = Label("phase", "the phase of the [life](lifecycle.md) in which the caller left")
REASON: Final = Label("reason", "the word for why")
TYPE: Final = Label("type", "`input` (cached ones included) or `output` (reasoning included)")
USAGE: Final = Label("usage", "`reported` by the provider, or `estimated`: settled at a bound")
STAGE: Final = Label("stage", "`input`, `output` or `tool_call`")
VERDICT: Final = Label("verdict", "`matched`, `passed` or `failed` (a gate that fails closes)")
DECISION: Final = Label("decision", "`approve`, `edit`, `respond`, `reject` or `expire`")
CHOICE: Final = Label("choice", "`approve`, `edit`, `respond` or `reject`")
SHED_WHY: Final = Label(
    "reason", "`queue` (the event loop falls behind), `open` (`--invocations-max`), `filing` (the store falls behind) or `disk`"
)
PRIORITY: Final = Label("priority", "the key's, `low`, `normal` or `high`")
SURFACE: Final = Label("surface", "`data` or `admin`")
STATE: Final = Label("state", "`busy` or `idle`")
VERSION: Final = Label("version", "the version of the policy, or of this build")
ALERT: Final = Label("alert", "`fallback.alerts[N]` as it stands in the policy, `budget:NAME`, or what is always watched", named=True)
DESTINATION: Final = Label("destination", "the destination's name", named=True)
RESULT: Final = Label(
    "result", "`delivered`, `failed` (it is sent again) or `undeliverable` (given up after three days, or refused for good)"
)
METHOD: Final = Label("method", "`prefill`, `instruct`, or `restart` where nothing had been delivered")
DIGEST: Final = Label("digest", "names the policy's meaning")
PYTHON: Final = Label("python", "the version of the interpreter")
STANDING: Final = Label("state", "`serving`, `draining` (it takes nothing new) or `out_of_reach` (it says nothing, and did not end)")
WHAT: Final = Label("what", "`interrupted`, `settled_at_bound` or `voided`")

_SECOND: Final = 1_000_000_000
_MS: Final = 1_000_000
# OpenTelemetry's bounds for `gen_ai.client.operation.duration`, carried on to the longest limit of a policy.
_CALL: Final = (*(10 * _MS << step for step in range(14)), 163_840 * _MS, 300 * _SECOND)
_OVERHEAD: Final = tuple(us * 1_000 for us in (50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000))
_REVIEW: Final = tuple(seconds * _SECOND for seconds in (10, 30, 60, 300, 900, 3_600, 4 * 3_600, 12 * 3_600, 86_400, 3 * 86_400))


def _counter(name: str, meaning: str, *labels: Label, scale: int = 1, concept: str = "") -> Metric:
    return Metric(f"orchvynt_{name}_total", "counter", meaning, labels, scale, (), concept)


def _gauge(name: str, meaning: str, *labels: Label, scale: int = 1) -> Metric:
    return Metric(f"orchvynt_{name}", "gauge", meaning, labels, scale)


def _level(name: str, meaning: str, *labels: Label, scale: int = 1) -> Metric:
    """A gauge of something that all processes of a store share, or tell of alike."""
    return Metric(f"orchvynt_{name}", "gauge", meaning, labels, scale, level=True)


def _histogram(name: str, meaning: str, bounds: tuple[int, ...], *labels: Label, concept: str = "") -> Metric:
    return Metric(f"orchvynt_{name}_seconds", "histogram", meaning, labels, _SECOND, bounds, concept)


INVOCATIONS: Final = _counter("invocations", "Invocations that finished.", OUTCOME, MODEL, PROVIDER, RULE, DIALECT)
REFUSED: Final = _counter("invocations_refused", "Invocations that ended with a refusal or an error of ours, by its code.", CODE)
DURATION: Final = _histogram(
    "invocation_duration", "From the arrival to the end, of invocations that were never in review.", _CALL, OUTCOME
)
OVERHEAD: Final = _histogram(
    "invocation_overhead",
    "What OrchVynt itself took of an answered invocation; those that waited for a hold, a retry or a person are left out.",
    _OVERHEAD,
)
OPEN: Final = _gauge("invocations_open", "Invocations in this process that are not in review.")
STREAMS: Final = _counter("streams", "Streams that were opened to callers, by how they ended.", END)
STREAMS_OPEN: Final = _gauge("streams_open", "Streams that flow to callers now.")
CALLERS_LEFT: Final = _counter("callers_left", "Callers that went away before their answer was whole.", PHASE)
REPEATS: Final = _counter("repeats", "Requests that came again under their idempotency key and became no invocation of their own.", HOW)

ATTEMPTS: Final = _counter("attempts", "Attempts that ended.", MODEL, PROVIDER, WORD)
ATTEMPT_DURATION: Final = _histogram(
    "attempt_duration", "From the send to the end, of attempts that were answered.", _CALL, MODEL, PROVIDER,
    concept="gen_ai.client.operation.duration",
)  # fmt: skip
FIRST_TOKEN: Final = _histogram(
    "attempt_first_token", "From the send to the first content, of streams that flow.", _CALL, MODEL, PROVIDER,
    concept="gen_ai.client.operation.time_to_first_chunk",
)  # fmt: skip
ATTEMPTS_OPEN: Final = _gauge("attempts_in_flight", "Attempts that are under way.", MODEL, PROVIDER)
RETRIES: Final = _counter(
    "retries", "Repeated sends to the same model: a trigger's word, `stale_connection`, or `rest` (every tier rested).", MODEL, REASON
)
FALLBACKS: Final = _counter("fallbacks", "Moves to a further tier.", TRIGGER, FROM_MODEL, TO_MODEL)
RESCUES: Final = _counter("streams_rescued", "Streams that broke off and that another model went on with.", METHOD, FROM_MODEL, TO_MODEL)
SKIPPED: Final = _counter(
    "candidates_skipped",
    "Candidates that were not asked in their place: `resting`, `breaker`, `ramp`, `slow`, `budget`, or a capability.", MODEL, REASON,
)  # fmt: skip
RESTING: Final = _level(
    "model_resting", "1 while a model rests or a breaker refuses it; a pattern, while its provider's credential does.", MODEL, PROVIDER
)
BREAKER_STATES: Final = ("closed", "half-open", "open")
BREAKER: Final = _level("breaker_state", "A model's breaker: 0 closed, 1 half-open, 2 open. A pattern shows 0.", MODEL, PROVIDER)
BREAKER_OPENED: Final = _counter("breaker_opened", "How often a model's breaker opened. A pattern shows 0.", MODEL, PROVIDER)
ADDRESS_BREAKER: Final = _level("address_breaker_state", "The breaker of the provider's address: 0 closed, 1 half-open, 2 open.", PROVIDER)

TOKENS: Final = _counter("tokens", "Tokens that were settled.", MODEL, PROVIDER, TYPE, concept="gen_ai.client.token.usage")
CACHED: Final = _counter(
    "cached_input_tokens", "Those of the input tokens that the provider read from its cache.", MODEL, PROVIDER,
    concept="gen_ai.usage.cache_read.input_tokens",
)  # fmt: skip
COST: Final = _counter("cost_usd", "Settled, in USD. Kept in whole nano-dollars, shown as a float.", MODEL, PROVIDER, scale=_SECOND)
RECEIPTS: Final = _counter("receipts", "Attempts that were settled.", MODEL, PROVIDER, USAGE)
OVERRUNS: Final = _counter("overruns", "Attempts that were billed for more than they were allowed.", MODEL, PROVIDER)

BUDGET_LIMIT_USD: Final = _level("budget_limit_usd", "The limit, of budgets with scope global.", BUDGET, scale=_SECOND)
BUDGET_SETTLED_USD: Final = _level("budget_settled_usd", "Settled in the current window, with scope global.", BUDGET, scale=_SECOND)
BUDGET_HELD_USD: Final = _gauge("budget_held_usd", "Held now, with scope global.", BUDGET, scale=_SECOND)
BUDGET_LIMIT_TOKENS: Final = _level("budget_limit_tokens", "The limit, of budgets with scope global.", BUDGET)
BUDGET_SETTLED_TOKENS: Final = _level("budget_settled_tokens", "Settled in the current window, with scope global.", BUDGET)
BUDGET_HELD_TOKENS: Final = _gauge("budget_held_tokens", "Held now, with scope global.", BUDGET)
BUDGET_SUBJECTS: Final = _level("budget_subjects", "Subjects that were met in the current window.", BUDGET)
BUDGET_FULLEST: Final = Metric(
    "orchvynt_budget_fullest_ratio", "gauge", "The share of its limit that is settled or held, of the subject that used most.", (BUDGET,),
    scale=1_000_000, highest=True,
)  # fmt: skip
BUDGET_REFUSALS: Final = _counter("budget_refusals", "Invocations that were refused because a budget had no room.", BUDGET)
HOLDS_AWAITED: Final = _counter("holds_awaited", "Waits for holds in flight.", BUDGET)
HOLDS_WAITING: Final = _gauge("holds_waiting", "Invocations that wait for holds in flight.")
HOLDS_OPEN: Final = _gauge("holds_open", "Holds that are neither settled nor voided.")
LEASE_TURNS: Final = _counter("lease_turns", "Questions to the store for leases of budgets; none in a process that has it to itself.")

RATE_ALONE: Final = _counter("rate_limits_alone", "Invocations whose rate limits one process counted by itself: the store did not say.")
RATE_REFUSALS: Final = _counter("rate_limit_refusals", "Invocations that were refused because a rate limit had no room.", RATE_LIMIT)

CONFIDENCE_UNKNOWN: Final = _counter("confidence_unknown", "Answers whose confidence a gate asked for in vain.", GATE, PROVIDER)
JUDGES_ASKED: Final = _counter("judges_asked", "Questions to judges, models that say how sure an answer is.", MODEL, PROVIDER)
GATES: Final = _counter("gates_judged", "Verdicts of gates.", GATE, STAGE, VERDICT)
REVIEWS_OPENED: Final = _counter("reviews_opened", "Reviews of what was parked, or delivered before its review.", GATE)
REVIEWS_DECIDED: Final = _counter("reviews_decided", "Reviews that were decided.", GATE, DECISION)
REVIEWS_ESCALATED: Final = _counter("reviews_escalated", "Reviews that a further group was asked to decide.", GATE)
REVIEWS_REMINDED: Final = _counter("reviews_reminded", "Reminders that reviewers were due.", GATE)
REVIEW_VOTES: Final = _counter("review_votes", "Votes that count, those that decide and those that others have to follow.", GATE, CHOICE)
REVIEW_CLAIMS: Final = _counter("review_claims", "Claims of a review, and their prolongations.", GATE)
REVIEW_DURATION: Final = _histogram("review_duration", "From the opening of a review to its decision.", _REVIEW, GATE)
REVIEWS_OPEN: Final = _gauge("reviews_open", "Reviews that wait for a decision.", GATE)
REVIEW_OLDEST: Final = _level("review_oldest_open_seconds", "How long the oldest open review waits; 0 without one.", scale=_SECOND)

CONNECTIONS: Final = _gauge("http_connections_open", "Connections from callers and operators.", SURFACE)
REQUESTS: Final = _counter("http_requests", "Requests that began on the data port.")
REQUESTS_REFUSED: Final = _counter("requests_refused", "Requests to the data port refused before they were invocations.", LAYER, CODE)
SHED: Final = _counter(
    "shed", "Requests that were turned away because of overload, before their body was read as JSON: no invocations.", SHED_WHY, PRIORITY
)
SHEDDING: Final = _gauge("shedding", "1 while invocations are turned away because of overload.")
QUEUE_DELAY: Final = _gauge(
    "queue_delay_seconds", "How late the event loop came to its last beat: so long waits what comes.", scale=_SECOND
)
UPSTREAM: Final = _gauge("upstream_connections", "Connections to providers.", STATE)
DIALS: Final = _counter("upstream_dials", "Connections to providers that were attempted.")

POLICY_INFO: Final = _level("policy_info", "1, for the policy in force.", VERSION, DIGEST)
POLICY_APPLIED: Final = _level("policy_applied_timestamp_seconds", "When the policy in force was applied.", scale=_SECOND)
POLICY_DRIFT: Final = _level("policy_drift", "1 while the file given to --policy differs from the policy in force.")

ALERTS_FIRING: Final = _gauge("alerts_firing", "For what alerts fire: chains and providers, or subjects of a budget.", ALERT)
ALERT_FAILURES: Final = _counter("alert_failures", "Looks at which a condition could not be evaluated; it counts as not holding.", ALERT)
MESSAGES: Final = _counter("messages", "Sends of messages about alerts and reviews, by what became of them.", DESTINATION, RESULT)
MESSAGES_WAITING: Final = _gauge("messages_waiting", "Messages that are not yet delivered, and are sent again.", DESTINATION)
MESSAGES_UNDELIVERABLE: Final = _gauge("messages_undeliverable", "Messages that were given up, and wait for a person.", DESTINATION)

JOURNAL_BYTES: Final = _gauge("journal_bytes", "What the journal's files hold.")
JOURNAL_UNFILED: Final = _gauge("journal_unfiled_bytes", "What is in the journal and not yet in the store.")
JOURNAL_FAILURES: Final = _counter("journal_failures", "Writes to the journal that failed. Nothing was sent without its record.")
JOURNAL_UNWRITTEN: Final = _gauge("journal_unwritten_ends", "Ends of invocations that could not be written and are tried again.")
STORE_AWAY: Final = _level("store_away_seconds", "How long the store has been away; 0 while it is there.", scale=_SECOND)
BUDGETS_CLOSED: Final = _level("budgets_closed", "1 while budgets are closed because the store is away (`outage.budgets`).")
UNHEARD: Final = _gauge("journal_unheard_invocations", "Invocations that the store may not know; `outage.journal.buffer` bounds it.")
FILING_STOPPED: Final = _level("store_filing_stopped", "1 while the store cannot be filled from the journal.")

AUDIT_ENTRIES: Final = _level("audit_entries", "Entries of the audit: the length of its chain.")
AUDIT_VERIFIED: Final = _level(
    "audit_verified_timestamp_seconds", "When this process last checked the audit and found it whole; 0 before.", scale=_SECOND
)
AUDIT_BROKEN: Final = _level("audit_broken", "1 once a start, or the last check, found that the audit is not what it was.")

BUILD: Final = _level("build_info", "1, for this build.", VERSION, PYTHON)
STARTED: Final = _level("start_time_seconds", "When this process began to serve.", scale=_SECOND)
READY: Final = _level("ready", "1 while the data port takes new invocations.")
PROCESS_STATES: Final = ("serving", "draining", "out_of_reach")
PROCESSES: Final = _gauge(
    "processes", "Processes on this store that have not come to their end. Of one that is `out_of_reach`, facts may be missing.", STANDING
)
UNTOLD: Final = _gauge("workers_untold", "Workers of this server that did not say in time what they counted: it is missing on this page.")
RECOVERED: Final = _gauge("recovered", "What the start found of the process before: attempts and invocations without end.", WHAT)

GROUPS: Final[tuple[tuple[str, tuple[Metric, ...]], ...]] = (
    ("Invocations", (INVOCATIONS, REFUSED, DURATION, OVERHEAD, OPEN, STREAMS, STREAMS_OPEN, CALLERS_LEFT, REPEATS)),
    (
        "Attempts and fallback",
        (ATTEMPTS, ATTEMPT_DURATION, FIRST_TOKEN, ATTEMPTS_OPEN, RETRIES, FALLBACKS, RESCUES, SKIPPED, RESTING, BREAKER, BREAKER_OPENED,
            ADDRESS_BREAKER,
        ),
    ),
    ("Tokens and cost", (TOKENS, CACHED, COST, RECEIPTS, OVERRUNS)),
    (
        "Budgets",
        (
            BUDGET_LIMIT_USD, BUDGET_SETTLED_USD, BUDGET_HELD_USD, BUDGET_LIMIT_TOKENS, BUDGET_SETTLED_TOKENS, BUDGET_HELD_TOKENS,
            BUDGET_SUBJECTS, BUDGET_FULLEST, BUDGET_REFUSALS, HOLDS_AWAITED, HOLDS_WAITING, HOLDS_OPEN, LEASE_TURNS,
        ),
    ),
    ("Rate limits", (RATE_REFUSALS, RATE_ALONE)),
    (
        "Gates and reviews",
        (GATES, REVIEWS_OPENED, REVIEWS_DECIDED, REVIEWS_ESCALATED, REVIEW_DURATION, REVIEWS_OPEN, REVIEW_OLDEST),
    ),
    ("Alerts", (ALERTS_FIRING, ALERT_FAILURES, MESSAGES, MESSAGES_WAITING, MESSAGES_UNDELIVERABLE)),
    ("Connections", (CONNECTIONS, REQUESTS, REQUESTS_REFUSED, UPSTREAM, DIALS)),
    ("Overload", (SHED, SHEDDING, QUEUE_DELAY)),
    ("Policy", (POLICY_INFO, POLICY_APPLIED, POLICY_DRIFT)),
    (
        "Journal and store",
        (JOURNAL_BYTES, JOURNAL_UNFILED, JOURNAL_FAILURES, JOURNAL_UNWRITTEN, UNHEARD, FILING_STOPPED, STORE_AWAY, BUDGETS_CLOSED),
    ),
    ("Audit", (AUDIT_ENTRIES, AUDIT_VERIFIED, AUDIT_BROKEN)),
    ("Process", (BUILD, STARTED, READY, PROCESSES, UNTOLD, RECOVERED)),
)  # fmt: skip

METRICS: Final = tuple(metric for _, group in GROUPS for metric in group)

PROCESS: Final = (
    "process_cpu_seconds_total", "process_resident_memory_bytes", "process_virtual_memory_bytes", "process_open_fds", "process_max_fds",
    "process_start_time_seconds",
)  # fmt: skip
"""What the page says of the process itself besides, where the kernel tells."""
