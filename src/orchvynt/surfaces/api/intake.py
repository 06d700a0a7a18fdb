"""From an HTTP request to an Invocation: the caller's key, claims and own timeout, and a body that was read and checked."""

from collections.abc import Callable
from typing import Final

import msgspec

from orchvynt.decisions.identity.claims import HEADERS, NOTHING, claims, key_id, trace_id
from orchvynt.dialects import registry
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Claims, DialectName, Invocation
from orchvynt.surfaces.api.http.request import Request

# What the official OpenAI and Anthropic clients wait, if they do not say otherwise.
CALLER_TIMEOUT_NS: Final = 600_000_000_000
CALLER_TIMEOUT_MAX_S: Final = 86_400.0
REQUEST_ID_CHARS_MAX: Final = 200


class Said(msgspec.Struct, frozen=True):
    """What a head says of its invocation. `claims`: it holds fields that claim something."""

    claims: bool
    key_id: str
    request_id: str
    trace_id: str
    caller_timeout_ns: int
    retry_count: int


def invocation(request: Request, inv: str, at: int, endpoint: str, dialect: DialectName, workflow: str, agent: str) -> Invocation | Fault:
    """The invocation that a request makes, or why it cannot be one."""
    said = request.derived(_said)
    if isinstance(said, Fault):
        return said
    read = registry.caller(dialect).read(request.body)
    if isinstance(read, Fault):
        return read
    claimed: Claims | Fault = NOTHING
    # Most callers claim nothing; finding that out at once saves 20 µs of look-ups (bench/).
    if said.claims or workflow or agent or read.metadata:
        claimed = claims(request.header, read.metadata, workflow, agent)
    if isinstance(claimed, Fault):
        return claimed
    return Invocation(
        id=inv,
        at=at,
        endpoint=endpoint,
        dialect=dialect,
        key_id=said.key_id,
        claims=claimed,
        ask=read.ask,
        request_id=said.request_id,
        trace_id=said.trace_id,
        caller_timeout_ns=said.caller_timeout_ns,
        retry_count=said.retry_count,
    )


def _said(request: Request) -> Said | Fault:
    header = request.header
    media = header("content-type")
    if media and "json" not in media.lower():
        return Fault("unsupported_media", f"The body is {media}, not JSON.", "Send content-type: application/json.", param="content-type")
    if (encoding := header("content-encoding")) and encoding.lower() != "identity":
        return Fault(
            "unsupported_media", f"The body is encoded as {encoding}.", "Send it as it is, without compression.", param="content-encoding"
        )
    if header("idempotency-key"):
        # Ignoring it would let a caller believe that its retry costs nothing.
        said = "This version keeps no idempotency keys."
        return Fault("unsupported", said, "Send the request without `idempotency-key`.", param="idempotency-key")
    retry_count = header("x-stainless-retry-count")
    return Said(
        claims=request.has_any(HEADERS),
        key_id=caller_key(header),
        request_id=request_id(header),
        trace_id=trace_id(header("traceparent")),
        caller_timeout_ns=caller_timeout_ns(header),
        retry_count=int(retry_count) if retry_count.isascii() and retry_count.isdigit() and len(retry_count) < 4 else 0,
    )


def caller_key(header: Callable[[str], str]) -> str:
    return key_id(header("authorization"), header("x-api-key"))


def request_id(header: Callable[[str], str]) -> str:
    """The caller's own `x-request-id`, if it can be echoed."""
    value = header("x-request-id")
    return value if len(value) <= REQUEST_ID_CHARS_MAX and value.isascii() and value.isprintable() else ""


def caller_timeout_ns(header: Callable[[str], str]) -> int:
    """How long the caller itself waits: `x-stainless-read-timeout` or `x-stainless-timeout` in seconds, else 600 s."""
    for name in ("x-stainless-read-timeout", "x-stainless-timeout"):
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
