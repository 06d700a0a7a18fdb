"""Errors as callers of the chat completions API read them: one object, with what happened, the numbers that decided and what to do."""

from typing import Any, Final

import msgspec

from orchvynt.model.faults import ERRORS_PAGE, Fault

ERROR_TYPES: Final[dict[int, str]] = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    429: "rate_limit_error",
}
"""OpenAI's words for `type`, by status; other 4xx are `invalid_request_error`, 5xx `server_error`."""

_encode = msgspec.json.Encoder().encode


def error_object(fault: Fault, invocation: str) -> dict[str, Any]:
    """The object under `error`. The fault's details stand in it under their own names, and never cover its fixed fields."""
    status = fault.status
    told: dict[str, Any] = dict(fault.detail)
    told |= {
        "message": fault.message,
        "type": ERROR_TYPES.get(status) or ("server_error" if status >= 500 else "invalid_request_error"),
        "param": fault.param,
        "code": fault.code,
        "doc_url": f"{ERRORS_PAGE}#{fault.code}",
    }
    if invocation:
        told["invocation_id"] = invocation
    if fault.help:
        told["help"] = fault.help
    if fault.retry_after_seconds is not None:
        told["retry_after_seconds"] = fault.retry_after_seconds
    return told


def error_body(fault: Fault, invocation: str) -> bytes:
    return _encode({"error": error_object(fault, invocation)})


def error_event(fault: Fault, invocation: str) -> bytes:
    """The same inside a stream: the official SDK raises on a chunk that holds `error`."""
    return b"data: " + error_body(fault, invocation) + b"\n\n"
