"""What one seed plays, as plain values: policies, callers, providers and the ends of processes. Nothing here knows the machine.

The auditor reads these values, too: what a budget means is worked out from them, not from what the machine compiled.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
NANOS_PER_USD: Final = 1_000_000_000


@dataclass(frozen=True)
class Tier:
    """One model and who serves it. Rates are nano-dollars per million tokens; both 0 is free."""

    model: str
    provider: str
    kind: str
    rate_in: int
    rate_out: int
    output_max: int

    @property
    def free(self) -> bool:
        return not (self.rate_in or self.rate_out)

    def nanos(self, tokens_in: int, tokens_out: int) -> int:
        return -(-(tokens_in * self.rate_in + tokens_out * self.rate_out) // 1_000_000)


@dataclass(frozen=True)
class Cap:
    """One budget. `limits` are by unit: usd (in nano-dollars), tokens, invocations. `scope` is a scope of the language, or `customer`: then
    it is `by` that field of the context. `workflow`: it applies to this one only; empty: to all. `needs_subject`: `missing: refuse`.
    `downgrade` is the model that a breach of this name admits past the limit, up to `ceiling`."""

    name: str
    scope: str
    window: str
    limits: Mapping[str, int]
    breach: str = "reject"
    wait_s: int = 30
    min_output: int = 16
    workflow: str = ""
    fails: bool = False
    needs_subject: bool = False
    downgrade: str = ""
    ceiling: Mapping[str, int] = field(default_factory=dict)

    def bounds(self, tier: Tier) -> dict[str, int]:
        """What bounds an attempt of this tier, by unit. Money bounds nothing free; the count of invocations always holds."""
        units = dict(self.limits)
        if self.breach == "alert":
            units = {}
        elif self.breach == "downgrade" and self.downgrade == tier.model:
            units = dict(self.ceiling)
        if "invocations" in self.limits:
            units["invocations"] = self.limits["invocations"]
        return {unit: limit for unit, limit in units.items() if unit != "usd" or not tier.free}


@dataclass(frozen=True)
class Policy:
    """`first` is the model of `auto`; then the chain's tiers in their order."""

    tiers: tuple[Tier, ...]
    caps: tuple[Cap, ...]
    mid_stream: str = "fail"
    max_retries: int = 1

    def tier(self, model: str) -> Tier:
        return next(tier for tier in self.tiers if tier.model == model)

    @property
    def yaml(self) -> str:
        kinds = {tier.provider: tier.kind for tier in self.tiers}
        lines = ["version: 1", "timezone: UTC", "providers:"]
        for name, kind in kinds.items():
            base = f', base_url: "http://{name}:11434"' if kind == "ollama" else f', api_key: "${{env:{name.upper()}_API_KEY}}"'
            lines.append(f"  {name}: {{kind: {kind}{base}}}")
        lines.append("models:")
        for tier in self.tiers:
            price = "free" if tier.free else f"{{input: {_usd(tier.rate_in)}, output: {_usd(tier.rate_out)}}}"
            lines.append(f"  {tier.model}: {{provider: {tier.provider}, price: {price}, max_output_tokens: {tier.output_max}}}")
        tiers = ", ".join(tier.model for tier in self.tiers)
        lines += [
            "routing:",
            f"  default: {self.tiers[0].model}",
            "fallback:",
            f"  retry: {{max_retries: {self.max_retries}, backoff: {{base: 250ms, max: 2s}}, respect_retry_after: 5s}}",
            "  timeouts: {connect: 2s, first_token: 4s, stall: 4s, answer: 9s, invocation: 60s}",
            f"  chains: {{default: {{tiers: [{tiers}], mid_stream: {self.mid_stream}, triggers: "
            "[rate_limit, overloaded, server_error, timeout, connection, malformed, stall, cut, policy]}}",
        ]
        if self.caps:
            lines.append("budgets:")
            lines += [f"  - {{{', '.join(_cap(cap))}}}" for cap in self.caps]
        return "\n".join(lines) + "\n"


def _cap(cap: Cap) -> list[str]:
    whose = "by: context.customer" if cap.scope == "customer" else f"scope: {cap.scope}"
    said = [f"name: {cap.name}", whose, f"limit: {_amounts(cap.limits)}", f"on_breach: {_breach(cap)}"]
    if cap.window != "lifetime":
        said.append(f"window: {cap.window}")
    if cap.needs_subject:
        said.append("missing: refuse")
    if cap.fails:
        # True of nobody here, and an error for whoever sets the field: a regular match of a number.
        said.append("when: 'context.broken == null || context.broken.matches(\"x\")'")
    elif cap.workflow:
        said.append(f"when: 'workflow == \"{cap.workflow}\"'")
    return [*said, f"wait_for_holds: {cap.wait_s}s", f"min_output_tokens: {cap.min_output}"]


def _breach(cap: Cap) -> str:
    if cap.breach != "downgrade":
        return cap.breach
    ceiling = f", ceiling: {_amounts(cap.ceiling)}" if cap.ceiling else ""
    return f"{{downgrade: {cap.downgrade}{ceiling}}}"


def _amounts(limits: Mapping[str, int]) -> str:
    said = [f"{unit}: {_usd(limit) if unit == 'usd' else limit}" for unit, limit in limits.items()]
    return f"{{{', '.join(said)}}}"


def _usd(nanos: int) -> str:
    return f"{(Decimal(nanos) / NANOS_PER_USD).normalize():f}"


@dataclass(frozen=True)
class Call:
    """One request. `at` is virtual ns since the beginning, `claims` what it says of itself, by scope. `model` is `auto` or a model's name.

    `leaves_ns` is how long its caller stays; None: to the end. Calls with one idempotency `key` are one request, sent again.
    `broken`: it says what makes a condition fail, where the policy has one that does."""

    number: int
    at: int
    dialect: str
    model: str
    stream: bool
    max_tokens: int | None
    claims: Mapping[str, str]
    text: str
    leaves_ns: int | None = None
    key: str = ""
    broken: bool = False


@dataclass(frozen=True)
class Behaviour:
    """How a provider answers one request: `fault` in the scripted provider's words, for the first attempt only if `once`."""

    call: int
    provider: str
    output_tokens: int
    latency_s: float = 0.0
    pace_s: float = 0.0
    frames: int = 1
    fault: Mapping[str, object] = field(default_factory=dict)
    once: bool = False
    usage: str | tuple[int, int] | None = None


@dataclass(frozen=True)
class Outage:
    """From `since` to `until` (virtual ns since the beginning) nobody listens at `provider`."""

    provider: str
    since: int
    until: int


@dataclass(frozen=True)
class Apply:
    at: int
    policy: Policy


@dataclass(frozen=True)
class Stop:
    """How a process ends: `kill` at the `nth` passing of a boundary (`at` as the latest), or `drain` at `at`. Then `away_ns` pass."""

    how: str
    at: int
    boundary: str = ""
    nth: int = 0
    away_ns: int = 0


@dataclass(frozen=True)
class Plan:
    """All of one seed. `sqlite`: the real store and journal files. `crowd`: a burst for whose budget utilisation is promised."""

    seed: int
    start: int
    policies: tuple[Policy, ...]
    calls: tuple[Call, ...]
    behaviours: tuple[Behaviour, ...]
    outages: tuple[Outage, ...]
    applies: tuple[Apply, ...]
    stops: tuple[Stop, ...]
    disk_full: tuple[tuple[int, int], ...]
    sqlite: bool = False
    crowd: bool = False
