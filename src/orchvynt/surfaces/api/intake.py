"""What a request's head says by itself: whether its body can be read, who calls, its own id, and how long its caller waits."""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

import msgspec

from orchvynt.decisions.identity.claims import HEADERS, trace_id
from orchvynt.decisions.identity.credentials import Identity, credential_digest, key_id
from orchvynt.decisions.identity.idempotency import HEADER, check_key
from orchvynt.model.faults import Fault

# What the official OpenAI and Anthropic clients wait, if they do not say otherwise.
CALLER_TIMEOUT_NS: Final = 600_000_000_000
CALLER_TIMEOUT_MAX_S: Final = 86_400.0
REQUEST_ID_CHARS_MAX: Final = 200
_TIMEOUTS: Final = ("x-stainless-read-timeout", "x-stainless-timeout")
READ: Final = frozenset(
    (
        "content-type", "content-encoding", "authorization", "x-api-key", "x-request-id", "traceparent", "x-stainless-retry-count", HEADER,
        *_TIMEOUTS,
    )
)  # fmt: skip
"""The fields whose values a `Head` is made of. Of those that claim something it only matters whether they are there."""


class Said(Protocol):
    """What a request says before its body, as `Request` does."""

    @property
    def headers(self) -> Sequence[tuple[bytes, bytes]]: ...

    def header(self, name: str) -> str: ...

    def has_any(self, names: frozenset[str]) -> bool: ...

    def fields(self) -> dict[str, str]: ...


class Head(msgspec.Struct, frozen=True):
    """`fault` is why the body cannot be taken. `claims`: there are fields that claim something. `digest` is the credential's, `keyless`
    who that is under a policy without keys. `idempotency_key` is empty where there is none."""

    fault: Fault | None
    claims: bool
    digest: str
    keyless: Identity
    request_id: str
    trace_id: str
    caller_timeout_ns: int
    retry_count: int
    idempotency_key: str


def head(request: Said) -> Head:
    """For `Request.derived`, with `READ`: a client repeats its head, but for some values."""
    header = request.header
    retry_count = header("x-stainless-retry-count")
    digest = credential_digest(header("authorization"), header("x-api-key"))
    return Head(
        check_headers(header) or _check_idempotency_key(request),
        request.has_any(HEADERS),
        digest,
        Identity(None, key_id(digest)),
        request_id(header),
        trace_id(header("traceparent")),
        caller_timeout_ns(header),
        int(retry_count) if retry_count.isascii() and retry_count.isdigit() and len(retry_count) < 4 else 0,
        header(HEADER),
    )


def check_headers(header: Callable[[str], str]) -> Fault | None:
    """Why the body of this request cannot be taken; None if it can."""
    media = header("content-type")
    if media and "json" not in media.lower():
        return Fault("unsupported_media", f"The body is {media}, not JSON.", "Send content-type: application/json.", param="content-type")
    if (encoding := header("content-encoding")) and encoding.lower() != "identity":
        return Fault(
            "unsupported_media", f"The body is encoded as {encoding}.", "Send it as it is, without compression.", param="content-encoding"
        )
    return None


def _check_idempotency_key(request: Said) -> Fault | None:
    """One that cannot be honoured is refused: ignoring it would let a caller believe that its retry costs nothing."""
    if HEADER not in request.fields():
        return None
    return check_key(request.header(HEADER), sum(name == HEADER.encode() for name, _ in request.headers))


def request_id(header: Callable[[str], str]) -> str:
    """The caller's own `x-request-id`, if it can be echoed."""
    value = header("x-request-id")
    return value if len(value) <= REQUEST_ID_CHARS_MAX and value.isascii() and value.isprintable() else ""


def caller_timeout_ns(header: Callable[[str], str]) -> int:
    """How long the caller itself waits: `x-stainless-read-timeout` or `x-stainless-timeout` in seconds, else 600 s."""
    for name in _TIMEOUTS:
        value = header(name)
        if not value:
            continue
        try:
            seconds = float(value)
        except ValueError:
            continue
        if 0 < seconds <= CALLER_TIMEOUT_MAX_S:
            return int(seconds * 1_000_000_000)
    return CALLER_TIMEOUT_NS
