"""Errors as callers of the Messages API read them: what happened, what decided, what to do. The request id is the invocation."""

from typing import Any, Final

import msgspec

from orchvynt.model.faults import ERRORS_PAGE, Fault

ERROR_TYPES: Final[dict[int, str]] = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""Anthropic's words for `type`, by status (platform.claude.com/docs/en/api/errors); other 4xx are `invalid_request_error`, 5xx
`api_error`."""

_encode = msgspec.json.Encoder().encode


def error_body(fault: Fault, invocation: str) -> bytes:
    """The fault's details stand in the object under `error` under their own names, and never cover its fixed fields."""
    status = fault.status
    told: dict[str, Any] = dict(fault.detail)
    told |= {
        "type": ERROR_TYPES.get(status) or ("api_error" if status >= 500 else "invalid_request_error"),
        "message": fault.message,
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
    return _encode({"type": "error", "error": told, "request_id": invocation or None})


def error_event(fault: Fault, invocation: str) -> bytes:
    """The same inside a stream: the official SDK raises on it."""
    return b"event: error\ndata: " + error_body(fault, invocation) + b"\n\n"
