"""What an attempt that gave no answer was: status, body and Retry-After of a provider become one word of the reference's triggers.

This is the only place where the table stands. It never decides what happens next, and nothing that looks like a key leaves it.
Sources: OpenAI "Error codes" (platform.openai.com/docs/guides/error-codes), Anthropic "Errors"
(platform.claude.com/docs/en/api/errors), Ollama "Errors" (docs.ollama.com/api/errors), RFC 9110 section 10.2.3 for Retry-After.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from orchvynt.dialects.shapes import Failure

JSON_TYPE: Final = "application/json"
MESSAGE_CHARS_MAX: Final = 500
RETRY_AFTER_NS_MAX: Final = 3600 * 1_000_000_000
"""A longer wait is believed for an hour: if it was meant, the next answer says so again; if it was nonsense, it cost an hour, not a day."""
SCANNED_CHARS_MAX: Final = 4_000

STATUS_OUTCOMES: Final[dict[int, str]] = {401: "auth", 402: "quota", 403: "auth", 429: "rate_limit", 529: "overloaded"}
"""Other 4xx are `bad_request`, other 5xx `server_error`; a redirect, or a success that cannot be read, is `malformed`."""

CODE_OUTCOMES: Final[dict[str, str]] = {
    "insufficient_quota": "quota",
    "billing_error": "quota",
    "billing_not_active": "quota",
    "billing_hard_limit_reached": "quota",
    "enforced_spend_limit_reached": "quota",
    "overloaded_error": "overloaded",
    "overloaded": "overloaded",
    "engine_overloaded": "overloaded",
    "context_length_exceeded": "context_length",
    "exceed_context_size_error": "context_length",
    "content_filter": "content_filter",
    "content_policy_violation": "content_filter",
    "responsibleaipolicyviolation": "content_filter",
}
"""Codes and types that say more than the status, whatever the status was."""

PLAIN_CODE_OUTCOMES: Final[dict[str, str]] = {
    "rate_limit_exceeded": "rate_limit",
    "rate_limit_error": "rate_limit",
    "invalid_api_key": "auth",
    "authentication_error": "auth",
    "permission_error": "auth",
    "server_error": "server_error",
    "internal_error": "server_error",
    "internal_server_error": "server_error",
    "api_error": "server_error",
    "timeout_error": "server_error",
    "invalid_request_error": "bad_request",
    "not_found_error": "bad_request",
    "model_not_found": "bad_request",
    "request_too_large": "bad_request",
}
"""Codes and types that say no more than a status does; asked only where no error status came (a 200, or inside a stream)."""

_MESSAGE_OUTCOMES: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (
        re.compile(
            r"context[ _]length|context window|maximum context|context limit|context size|prompt is too long|input is too long", re.I
        ),
        "context_length",
    ),
    (
        re.compile(r"credit balance is too low|exceeded your current quota|reached your specified api usage limits|out of credits", re.I),
        "quota",
    ),
    (re.compile(r"content management policy|content[ _]filter", re.I), "content_filter"),
)
"""Asked of 400, 413, 422 and of errors without a status, where the code says nothing. The wordings are those providers document or send."""

_OVERLOADED: Final = re.compile(r"overload|at capacity|no capacity", re.I)
_KEYS: Final = (
    (re.compile(r"\b(Bearer|Basic)\s+[^\s\"',;]+", re.I), r"\1 …"),
    (re.compile(r"\b(sk|pk|rk|gsk|xai|hf|r8|ov)[-_][\w\-*.]{4,}"), r"\1-…"),
    (re.compile(r"\b(AIza|AKIA)[\w\-]{8,}"), r"\1…"),
    (re.compile(r"\b((?:api|access|secret)[-_ ]?(?:key|token)[\"']?\s*[:=]\s*[\"']?)[^\s\"',;]+", re.I), r"\1…"),
)
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_HTTP_DATE: Final = re.compile(r"(?:\w{3}, )(\d{2}) (\w{3}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT", re.ASCII)
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NUMBER: Final = re.compile(r"(\d+)(?:\.(\d{1,9})\d*)?(ms)?", re.ASCII)
_WHOLE_DIGITS_MAX: Final = 15
"""So many digits are beyond RETRY_AFTER_NS_MAX in any unit, and need not be read."""


class ErrorSaid(msgspec.Struct, frozen=True):
    """What a provider's error body says, whatever its shape; absent parts are empty. `status` is a number given as the code."""

    message: str = ""
    type: str = ""
    code: str = ""
    detail_code: str = ""
    status: int = 0


def scrub(text: str) -> str:
    """The provider's words without what looks like a credential or a control character, at most MESSAGE_CHARS_MAX characters."""
    text = _CONTROLS.sub(" ", text[:SCANNED_CHARS_MAX])
    for pattern, replacement in _KEYS:
        text = pattern.sub(replacement, text)
    text = text.strip()
    return text if len(text) <= MESSAGE_CHARS_MAX else text[: MESSAGE_CHARS_MAX - 1] + "…"


def error_said(value: object) -> ErrorSaid:
    """Reads the JSON value of an error body or of its `error` member: OpenAI's, Anthropic's and Ollama's shapes, and close relatives."""
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, str):
        return ErrorSaid(message=value)
    if not isinstance(value, dict):
        return ErrorSaid()
    inner = value.get("error")
    if isinstance(inner, dict):
        value = inner
    elif isinstance(inner, str) and inner:
        return ErrorSaid(message=inner)
    details = value.get("details")
    code = value.get("code")
    status = code if isinstance(code, int) and not isinstance(code, bool) and 400 <= code <= 599 else 0
    return ErrorSaid(
        message=_first_text(value, "message", "detail", "error_description"),
        type=_first_text(value, "type"),
        code=code if isinstance(code, str) else "",
        detail_code=_first_text(details, "error_code") if isinstance(details, dict) else "",
        status=status,
    )


def failure_from_status(status: int, body: bytes, retry_after: str, now: int) -> Failure:
    """The failure that a status other than a success is. `now` is the instant in ns UTC, for a Retry-After that is a date."""
    said = error_said(_json_or_text(body))
    return Failure(
        outcome=_outcome_of_status(status, said),
        status=status,
        message=scrub(said.message) or f"the provider answered HTTP {status}",
        retry_after_ns=retry_after_ns(retry_after, now),
        error_type=scrub(said.type),
        error_code=scrub(said.code or said.detail_code),
    )


def failure_from_error(error: bytes, status: int, retry_after: str = "", now: int = 0) -> Failure:
    """The failure that an error (its JSON) is where the status said success: in a 200, or inside a stream."""
    said = error_said(_json_or_text(error))
    outcome = _outcome_of_code(said) or _plain_outcome(said)
    if not outcome and said.status:
        outcome = _outcome_of_status(said.status, said)
    return Failure(
        outcome=outcome or _outcome_of_message(said) or "malformed",
        status=status,
        message=scrub(said.message) or "the provider sent an error object without a message",
        retry_after_ns=retry_after_ns(retry_after, now),
        error_type=scrub(said.type),
        error_code=scrub(said.code or said.detail_code),
    )


def error_in_success(error: bytes, status: int) -> Failure:
    """The failure of a whole answer that is a success by its status and an error by its body: malformed, in the error's own words."""
    return msgspec.structs.replace(failure_from_error(error, status), outcome="malformed")


def malformed(status: int, message: str) -> Failure:
    """A success that cannot be read as one."""
    return Failure(outcome="malformed", status=status, message=scrub(message))


def content_fault(content_type: str, status: int) -> Failure | None:
    """A type that is not JSON is a proxy's page or another API; a missing one is no evidence against the body."""
    kind = content_type.partition(";")[0].strip().lower()
    if not kind or kind == JSON_TYPE or kind.endswith("+json"):
        return None
    return malformed(status, f"the provider answered with the content type {kind}, not JSON")


def retry_after_of(headers: Sequence[tuple[bytes, bytes]]) -> str:
    """The wait a provider's headers ask for, as `retry_after_ns` reads it: `retry-after-ms` (written as `250ms`) before `retry-after`."""
    plain = ""
    for name, value in headers:
        if name == b"retry-after-ms":
            text = value.decode("latin-1").strip()
            if _NUMBER.fullmatch(text):
                return text + "ms"
        elif name == b"retry-after":
            plain = value.decode("latin-1").strip()
    return plain


def retry_after_ns(value: str, now: int) -> int:
    """Seconds (`20`, `1.5`), milliseconds (`250ms`) or an HTTP date, as nanoseconds from `now`; at most 1 h, 0 for anything else."""
    value = value.strip()
    number = _NUMBER.fullmatch(value)
    if number:
        whole, fraction, milliseconds = number.groups()
        if len(whole.lstrip("0")) > _WHOLE_DIGITS_MAX:
            return RETRY_AFTER_NS_MAX
        whole = whole[-_WHOLE_DIGITS_MAX:]
        nanos = int(whole) * 1_000_000_000 + int((fraction or "0").ljust(9, "0"))
        return min(nanos // 1000 if milliseconds else nanos, RETRY_AFTER_NS_MAX)
    date = _HTTP_DATE.fullmatch(value)
    if not date or date[2] not in _MONTHS:
        return 0
    try:
        moment = datetime(int(date[3]), _MONTHS.index(date[2]) + 1, int(date[1]), int(date[4]), int(date[5]), int(date[6]), tzinfo=UTC)
    except ValueError:
        return 0
    return min(max(int(moment.timestamp()) * 1_000_000_000 - now, 0), RETRY_AFTER_NS_MAX)


def _outcome_of_status(status: int, said: ErrorSaid) -> str:
    if status < 400:
        return "malformed"
    told = _outcome_of_code(said)
    if not told and status in (400, 413, 422):
        told = _outcome_of_message(said)
    if not told and status == 503 and (_OVERLOADED.search(said.message) or "overloaded" in said.type):
        told = "overloaded"
    return told or STATUS_OUTCOMES.get(status) or ("bad_request" if status < 500 else "server_error")


def _outcome_of_code(said: ErrorSaid) -> str:
    for word in (said.detail_code, said.code, said.type):
        outcome = CODE_OUTCOMES.get(word.lower())
        if outcome:
            return outcome
    return ""


def _plain_outcome(said: ErrorSaid) -> str:
    for word in (said.code, said.type):
        outcome = PLAIN_CODE_OUTCOMES.get(word.lower())
        if outcome:
            # A generic type is refined by the words: Anthropic's "prompt is too long" is an invalid_request_error.
            return (_outcome_of_message(said) or outcome) if outcome == "bad_request" else outcome
    return ""


def _outcome_of_message(said: ErrorSaid) -> str:
    for pattern, outcome in _MESSAGE_OUTCOMES:
        if pattern.search(said.message[:SCANNED_CHARS_MAX]):
            return outcome
    return ""


def _first_text(value: dict[str, Any], *names: str) -> str:
    for name in names:
        text = value.get(name)
        if isinstance(text, str) and text:
            return text
    return ""


def _json_or_text(body: bytes) -> object:
    """An error body as JSON; other text as its first characters, so that a proxy's plain words are not lost."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        # `msgspec.Raw` is bytes for the type checker only: it cannot be cut.
        return bytes(body)[:SCANNED_CHARS_MAX].decode("utf-8", "replace")
