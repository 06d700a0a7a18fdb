"""The section `fallback`: what happens when the model that was chosen does not answer."""

import re
from types import MappingProxyType
from typing import Annotated, ClassVar, Final, Literal

from pydantic import BeforeValidator, Field, model_validator

from orchvynt.language.document.amounts import Count, Share, SomeShare
from orchvynt.language.document.scalars import DAY, MILLISECOND, MINUTE, SECOND, Duration, PositiveDuration, one_of
from orchvynt.language.document.section import Section, later, wrong
from orchvynt.language.document.shapes import AlertCondition, Condition, Destination, ModelName, Refers

TRIGGERS: Final = MappingProxyType(
    {
        "rate_limit": "429",
        "quota": "402, or the quota is exhausted",
        "overloaded": "529, or 503 with such a body",
        "server_error": "any other 5xx",
        "auth": "401 or 403: the credential is refused",
        "timeout": "no connection, no first token or no answer in time",
        "connection": "DNS, refused, reset, TLS, closed before a byte",
        "malformed": "bad JSON, HTML, a wrong type, 200 with an error object, an empty answer, a redirect",
        "stall": "a stream that falls silent",
        "cut": "a stream that ends without its terminal marker, or with an error event",
        "context_length": "the request is too long for the model",
        "content_filter": "the provider's filter refused; only routed around where this is named",
        "latency": "its measured 99th percentile is over the chain's `latency_p99`, which implies this word",
        "policy": "no admissible model, or a hold that does not fit: passed by in any case, and a fallback where this is named",
    }
)
"""The words for what makes a chain go on to its next tier."""

DEFAULT_TRIGGERS: Final = tuple(word for word in TRIGGERS if word not in ("content_filter", "latency", "policy"))
_STATUS = re.compile(r"status_([0-9]{3})")


def _retries(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool) and not 0 <= value <= 10:
        raise wrong("`max_retries` is between 0 and 10", "More belongs into a chain's tiers.")
    return value


class BackoffEntry(Section):
    """Waits before a retry: doubled each time, with full jitter."""

    base: Duration = Field(default=250 * MILLISECOND, description="The first wait.")
    max: Duration = Field(default=8 * SECOND, description="The longest wait.")

    @model_validator(mode="after")
    def _growing(self) -> "BackoffEntry":
        if self.base > self.max:
            raise wrong("the first backoff is longer than the longest", "Make `max` at least `base`.")
        return self


class RetryEntry(Section):
    """Retries on the same model, before the next tier."""

    max_retries: Annotated[int, BeforeValidator(_retries)] = Field(
        default=1, description="How often one model is asked again, 0 to 10.", json_schema_extra={"minimum": 0, "maximum": 10}
    )
    backoff: BackoffEntry = Field(default=BackoffEntry(), description="Waits where the provider named none.")
    respect_retry_after: Duration = Field(
        default=20 * SECOND,
        description="The longest Retry-After that is waited for within an invocation; a longer one goes to the next tier.",
    )
    budget: Share = Field(
        default=1_000,
        description="The largest share of calls that may be retries on the same model, over all models of this process and the last ten "
        "seconds; ten retries in that time are allowed in any case. A move to the next tier is no retry.",
        json_schema_extra={"default": "10%"},
    )


class TimeoutsEntry(Section):
    """How long each step may take."""

    connect: PositiveDuration = Field(default=2 * SECOND, description="Until the connection stands, TLS included.")
    first_token: PositiveDuration = Field(default=15 * SECOND, description="Streams: until the first content.")
    stall: PositiveDuration = Field(default=20 * SECOND, description="Streams: the longest silence; pings are silence.")
    answer: PositiveDuration = Field(default=60 * SECOND, description="One attempt that is no stream, in whole.")
    invocation: PositiveDuration = Field(
        default=300 * SECOND, description="All attempts together, until the first byte goes to the caller."
    )


class BreakerEntry(Section):
    """When a model, or an address that cannot be reached, is left alone for a while."""

    window: PositiveDuration = Field(default=30 * SECOND, description="Over which the share of errors is counted.")
    min_calls: Count = Field(default=10, description="Calls in the window before it can open.")
    error_rate: SomeShare = Field(default=5_000, description="The share of errors at which it opens.", json_schema_extra={"default": "50%"})
    open_for: PositiveDuration = Field(default=15 * SECOND, description="How long it stays open before a probe.")
    probes: Count = Field(default=2, description="Successes in a row that close it.")


def _trigger(value: object) -> object:
    status = _STATUS.fullmatch(value) if isinstance(value, str) else None
    if status is not None:
        if not 400 <= int(status[1]) <= 599:
            raise wrong(f"`{value}` is not the status of a failure", "Codes from 400 to 599 can be triggers.")
        if int(status[1]) == 400:
            raise wrong("a provider's own 400 is never routed around", "Name `context_length` for requests that are too long.")
        return value
    if value == "bad_request":
        said = "`bad_request` is never routed around: another model would be asked the same malformed request"
        raise wrong(said, "Name `context_length` for requests that are too long.")
    return one_of(*TRIGGERS, near=("status_503",))(value)


Trigger = Annotated[str, BeforeValidator(_trigger)]


class ChainEntry(Section):
    """The models that are asked after the routed one, in order."""

    tiers: list[ModelName] = Field(description="Models by name or alias; the routed model is skipped.")
    triggers: list[Trigger] = Field(
        default=list(DEFAULT_TRIGGERS),
        description="What makes it go on: words of the table of triggers, or `status_NNN`.",
        json_schema_extra={"items": {"anyOf": [{"enum": list(TRIGGERS)}, {"type": "string", "pattern": "^status_[45][0-9][0-9]$"}]}},
    )
    latency_p99: PositiveDuration | None = Field(
        default=None,
        description="A model whose measured 99th percentile is over this is asked after those that are not slow; implies the trigger "
        "`latency`.",
    )
    mid_stream: Annotated[Literal["continue", "restart", "fail"], BeforeValidator(one_of("continue", "restart", "fail"))] = Field(
        default="fail",
        description="When a stream breaks after content was delivered: `continue` lets another model go on, `restart` begins anew where "
        "nothing was delivered, `fail` ends it with an error event.",
    )


class ChainUseEntry(Section):
    """Which invocations another chain than `default` serves."""

    when: Condition | None = Field(default=None, description="The condition, of stage request; without it the chain serves everything.")
    chain: Annotated[str, Refers("chain")] = Field(description="The chain, by its name.")


class AlertEntry(Section):
    """Who is told when chains are used more than usual."""

    when: AlertCondition = Field(description="The condition, of stage alert.")
    window: PositiveDuration = Field(default=5 * MINUTE, description="Over which it is counted, from `1s` to `7d`.")
    notify: list[Destination] = Field(description="Destinations, by their names under `notify`.", json_schema_extra={"minItems": 1})
    repeat: PositiveDuration = Field(default=4 * 60 * MINUTE, description="After which a firing alert is told again, at least `1m`.")

    @model_validator(mode="after")
    def _somebody(self) -> "AlertEntry":
        if not self.notify:
            raise wrong("the alert tells nobody", "Name a destination of `notify`.", ("notify",))
        if len(set(self.notify)) < len(self.notify):
            raise wrong("a destination stands twice", "Remove it.", ("notify",))
        if not SECOND <= self.window <= 7 * DAY:
            raise wrong("an alert's window is from `1s` to `7d`", "Chains are looked at once a second.", ("window",))
        if self.repeat < MINUTE:
            raise wrong("an alert is repeated after `1m` at the earliest", "Leave `repeat` out for `4h`.", ("repeat",))
        return self


class FallbackHead(Section):
    """What `fallback` says beside its chains."""

    retry: RetryEntry = Field(default=RetryEntry(), description="Retries on the same model.")
    timeouts: TimeoutsEntry = Field(default=TimeoutsEntry(), description="How long each step may take.")
    breaker: BreakerEntry = Field(default=BreakerEntry(), description="When what keeps failing is left alone.")


class FallbackEntry(FallbackHead):
    """Retries, timeouts, breakers and the chains."""

    later: ClassVar = later({})

    chains: dict[str, ChainEntry] = Field(
        default={},
        description="By name; `default` serves where no `use` matches. Without any, only the routed model is asked.",
    )
    use: list[ChainUseEntry] = Field(default=[], description="Tried in order; the first match names the chain.")
    alerts: list[AlertEntry] = Field(default=[], description="Who is told of activations.")
