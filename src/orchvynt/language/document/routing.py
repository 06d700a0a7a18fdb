"""The sections `routing` and `fallback`: which model answers, and what happens when it does not."""

import re
from types import MappingProxyType
from typing import Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from orchvynt.language.document.scalars import MILLISECOND, SECOND, Condition, Duration, Name, PositiveDuration, one_of
from orchvynt.language.document.section import Section, not_yet, wrong

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
    }
)
"""The words for what makes a chain go on to its next tier."""

DEFAULT_TRIGGERS: Final = tuple(word for word in TRIGGERS if word != "content_filter")
_STATUS = re.compile(r"status_([0-9]{3})")


class RuleEntry(Section):
    """One routing rule; the first that matches decides, whatever model the agent named."""

    later: ClassVar = MappingProxyType(
        {
            "choose": "the best of several models",
            "split": "a share of the traffic for each model",
            "sticky": "the same side for the same subject",
            "canary": "a staged canary",
            "shadow": "a copy of the traffic for another model",
            "enforce": "observing without enforcing",
        }
    )

    name: Name = Field(description="The rule's name, in records and in `x-orchvynt-rule`.")
    when: Condition | None = Field(default=None, description="The condition, of stage request; without it the rule matches everything.")
    use: Name = Field(description="The model, by its name or an alias.")


class RoutingHead(Section):
    """What `routing` says beside its rules."""

    default: Name | None = Field(
        default=None, description="The model for `auto`, and for unknown names if `unknown_model` says so. Without it both are refused."
    )
    unknown_model: Annotated[Literal["refuse", "default"], BeforeValidator(one_of("refuse", "default"))] = Field(
        default="refuse",
        description="What happens to a model that the policy does not know: `refuse` (404 with the nearest names) or `default`.",
    )


class RoutingEntry(RoutingHead):
    """Which model an invocation goes to."""

    rules: list[RuleEntry] = Field(default=[], description="Tried in order; the first match wins.")


class BackoffEntry(Section):
    """Waits before a retry: doubled each time, with full jitter."""

    base: Duration = Field(default=250 * MILLISECOND, description="The first wait.")
    max: Duration = Field(default=8 * SECOND, description="The longest wait.")


def _growing(backoff: BackoffEntry) -> BackoffEntry:
    if backoff.base > backoff.max:
        raise wrong("the first backoff is longer than the longest", "Make `max` at least `base`.")
    return backoff


def _retries(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool) and not 0 <= value <= 10:
        raise wrong("`max_retries` is between 0 and 10")
    return value


class RetryEntry(Section):
    """Retries on the same model, before the next tier."""

    later: ClassVar = MappingProxyType({"budget": "a bound on the share of retries"})

    max_retries: Annotated[int, BeforeValidator(_retries)] = Field(
        default=1, description="How often one model is asked again, 0 to 10.", json_schema_extra={"minimum": 0, "maximum": 10}
    )
    backoff: Annotated[BackoffEntry, AfterValidator(_growing)] = Field(
        default=BackoffEntry(), description="Waits where the provider named none."
    )
    respect_retry_after: Duration = Field(
        default=20 * SECOND,
        description="The longest Retry-After that is waited for within an invocation; a longer one goes to the next tier.",
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


def _trigger(value: object) -> object:
    status = _STATUS.fullmatch(value) if isinstance(value, str) else None
    if status is not None:
        if not 400 <= int(status[1]) <= 599:
            raise wrong(f"`{value}` is not the status of a failure", "Codes from 400 to 599 can be triggers.")
        if int(status[1]) == 400:
            raise wrong("a provider's own 400 is never routed around", "Name `context_length` for requests that are too long.")
        return value
    if value == "bad_request":
        raise wrong("`bad_request` is never routed around: another model would be asked the same malformed request")
    if value == "latency":
        raise not_yet("`latency` (implied by `latency_p99`)")
    if value == "policy":
        raise not_yet("`policy` as a trigger", "A candidate that does not fit a budget is skipped in any case.")
    return one_of(*TRIGGERS)(value)


Trigger = Annotated[str, BeforeValidator(_trigger)]


class ChainEntry(Section):
    """The models that are asked after the routed one, in order."""

    later: ClassVar = MappingProxyType({"latency_p99": "leaving a model that became slow"})

    tiers: list[Name] = Field(description="Models by name or alias; the routed model is skipped.")
    triggers: list[Trigger] = Field(
        default=list(DEFAULT_TRIGGERS),
        description="What makes it go on: words of the table of triggers, or `status_NNN`.",
        json_schema_extra={"items": {"anyOf": [{"enum": list(TRIGGERS)}, {"type": "string", "pattern": "^status_[45][0-9][0-9]$"}]}},
    )
    mid_stream: Annotated[
        Literal["fail"],
        BeforeValidator(one_of("fail", later={"continue": "rescuing a broken stream", "restart": "restarting a broken stream"})),
    ] = Field(default="fail", description="When a stream breaks after content was delivered: `fail` ends it with an error event.")


class FallbackEntry(Section):
    """Retries, timeouts and the chain."""

    later: ClassVar = MappingProxyType(
        {"breaker": "circuit breakers", "use": "a chain for some invocations", "alerts": "alerts on activations"}
    )

    retry: RetryEntry = Field(default=RetryEntry(), description="Retries on the same model.")
    timeouts: TimeoutsEntry = Field(default=TimeoutsEntry(), description="How long each step may take.")
    chains: dict[str, ChainEntry] = Field(
        default={},
        description="The chain named `default` serves every invocation; without it only the routed model is asked.",
        json_schema_extra={"propertyNames": {"const": "default"}},
    )
