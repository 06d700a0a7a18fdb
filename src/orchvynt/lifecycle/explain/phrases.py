"""How numbers, instants and failures are said in words. Knows no record."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from orchvynt.model.money import usd_text

NANOS_PER_SECOND: Final = 1_000_000_000
NANOS_PER_MS: Final = 1_000_000
INSTANT_SECONDS_MAX: Final = 253_402_300_799
QUOTE_CHARS_MAX: Final = 300
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

FAILURES: Final[dict[str, str]] = {
    "rate_limit": "{who} said that its rate limit is reached",
    "quota": "the quota at {who} is used up",
    "overloaded": "{who} was overloaded",
    "server_error": "{who} failed",
    "auth": "{who} did not accept our key",
    "bad_request": "{who} refused the request as it stands",
    "context_length": "the request is too long for {model}",
    "content_filter": "the content filter of {who} refused",
    "connection": "the connection to {who} failed",
    "timeout": "{who} did not answer in time",
    "malformed": "the answer of {who} was malformed",
    "stall": "the stream from {who} stalled",
    "cut": "the stream from {who} was cut",
    "policy": "the policy did not admit {model}",
    "interrupted": "a crash cut off the call to {who}",
    "cancelled": "the call to {who} was given up",
}
TELLING: Final[dict[str, str]] = {
    "quota": "quota used up",
    "overloaded": "overloaded",
    "auth": "our key was not accepted",
    "context_length": "too long for {model}",
    "content_filter": "its content filter refused",
}
"""What a status alone does not tell, whoever knows it by heart or not."""


def instant_text(at: int) -> str:
    """Nanoseconds UTC as RFC 3339 with microseconds; empty for 0, which means `none` in every record."""
    if at == 0:
        return ""
    seconds, nanos = divmod(at, NANOS_PER_SECOND)
    if not 0 <= seconds <= INSTANT_SECONDS_MAX:
        return f"{at} ns"
    moment = EPOCH + timedelta(seconds=seconds, microseconds=nanos // 1000)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}Z"


def milliseconds(nanos: int) -> float:
    """Nanoseconds as milliseconds with three decimals."""
    return round(nanos / NANOS_PER_MS, 3)


def duration_text(nanos: int) -> str:
    """A duration at the precision a reader needs: `380 µs`, `12 ms`, `4.2 s`, `3 min 5 s`, `2 h 10 min`."""
    if nanos < 0:
        return f"-{duration_text(-nanos)}"
    if nanos < NANOS_PER_MS:
        return f"{nanos // 1000} µs"
    if nanos < NANOS_PER_SECOND:
        return f"{nanos // NANOS_PER_MS} ms"
    if nanos < 60 * NANOS_PER_SECOND:
        return f"{nanos // (NANOS_PER_SECOND // 10) / 10:g} s"
    minutes, seconds = divmod(nanos // NANOS_PER_SECOND, 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s" if seconds else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def dollars(nanos: int) -> str:
    """Nano-dollars as `$0.0031`."""
    text = usd_text(nanos)
    return f"-${text[1:]}" if text.startswith("-") else f"${text}"


def count(number: int, one: str, many: str = "") -> str:
    """`1 attempt`, `2 attempts`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def listing(parts: list[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}"


def quoted(text: str) -> str:
    """Somebody else's words on one line, bounded."""
    line = " ".join(text.split())
    return line if len(line) <= QUOTE_CHARS_MAX else f"{line[: QUOTE_CHARS_MAX - 1]}…"


def failure_text(outcome: str, status: int, provider: str, model: str) -> str:
    """Why an attempt gave no answer: `openai answered 429`, `openai answered 429 (quota used up)`, `the connection to lab failed`."""
    who = provider or model or "the provider"
    if status >= 400:
        telling = f" ({TELLING[outcome].format(model=model or 'the model')})" if outcome in TELLING else ""
        return f"{who} answered {status}{telling}"
    return FAILURES.get(outcome, "{who} failed ({outcome})").format(who=who, model=model or "the model", outcome=outcome or "unknown")


PASSED_BY: Final = MappingProxyType(
    {
        "resting": "{model} was resting",
        "breaker": "the breaker of {model} was {state}",
        "ramp": "{model} was only coming back: its breaker had just closed",
        "slow": "{model} was too slow",
        "store_away": "the store was away for too long, so no budget could be spent on {model}",
    }
)


def skipped_text(model: str, why: str, detail: Mapping[str, Any]) -> str:
    """Why a candidate was not tried: `gpt-4o was resting (auth)`, `budget doc-analysis had no room for gpt-4o`.

    `detail` is that of the fact `candidate_skipped`; any part of it may be missing."""
    if why in PASSED_BY:
        because = detail.get("because", "")
        whose = f"the address of {model}" if why == "breaker" and because == "address" else model
        rested = f" ({because})" if why == "resting" and because else ""
        return f"{PASSED_BY[why].format(model=whose, state=detail.get('state', 'open'))}{rested}"
    if why.startswith("budget:"):
        return f"budget {why.removeprefix('budget:')} had no room for {model}"
    return f"{model} was skipped ({why})"


def passed_by_numbers(detail: Mapping[str, Any]) -> str:
    """What decided that a candidate was passed by: `, for 24.9 s more`, `, with a 99th percentile of 107 ms`; empty without numbers."""
    rests_ms, error_rate, p99_ms = (detail.get(name) for name in ("rests_ms", "error_rate", "p99_ms"))
    said = []
    if isinstance(rests_ms, int | float):
        said.append(f"for {duration_text(int(rests_ms * NANOS_PER_MS))} more")
    if isinstance(error_rate, int | float):
        said.append(f"after {error_rate:.0%} errors")
    if isinstance(p99_ms, int | float):
        said.append(f"with a 99th percentile of {duration_text(int(p99_ms * NANOS_PER_MS))}")
    return "".join(f", {part}" for part in said)
