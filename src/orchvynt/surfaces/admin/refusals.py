"""How every answer of the admin API leaves: one way for values, one shape for refusals, the same security headers on both."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from orchvynt.model.faults import Fault
from orchvynt.surfaces.operator_shapes import Refusal, RefusalBody

SECURITY_HEADERS: Final[dict[str, str]] = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
TYPES: Final[dict[int, str]] = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
}


def page_headers(further: str = "") -> dict[str, str]:
    """Those of a page of ours: no script at all, our own stylesheet, forms to ourselves and, where it says so, to `further`.

    With `no-referrer` browsers would say of our own forms, too, that they come from nowhere (`origin: null`)."""
    policy = f"default-src 'none'; style-src 'self'; form-action 'self'{further}; base-uri 'none'; frame-ancestors 'none'"
    return {**SECURITY_HEADERS, "content-security-policy": policy, "referrer-policy": "same-origin"}


def json_answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Any msgspec value as JSON."""
    return Response(msgspec.json.encode(value), status, {**SECURITY_HEADERS, **(headers or {})}, "application/json")


def refusal(fault: Fault) -> Response:
    """The one error shape: `{"error": {message, type, param, code, help, detail}}`."""
    status = fault.status
    body = RefusalBody(
        Refusal(
            message=fault.message,
            type=TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error"),
            code=fault.code,
            param=fault.param,
            help=fault.help,
            detail=fault.detail,
        )
    )
    headers = {"www-authenticate": "Bearer"} if status == 401 else {}
    if fault.retry_after_seconds is not None:
        headers["retry-after"] = str(fault.retry_after_seconds)
    return json_answer(body, status, headers)


async def on_http_exception(request: Request, raised: Exception) -> Response:
    """The router's own refusals (no such path, wrong method) in our shape."""
    assert isinstance(raised, HTTPException)
    if raised.status_code == 405:
        allowed = (raised.headers or {}).get("Allow", "")
        answer = refusal(Fault("method_not_allowed", f"{request.url.path} exists, but not with {request.method}.", f"Allowed: {allowed}."))
        answer.headers["allow"] = allowed
        return answer
    return refusal(Fault("not_found", "There is no such path here.", "GET /api/v1/openapi.json lists all paths."))


async def on_store_unavailable(_request: Request, raised: Exception) -> Response:
    help_text = "Nothing was changed that is not in the history; look at the cause, then try again."
    said = f"The store cannot be used now: {str(raised).rstrip('.')}."
    return refusal(Fault("store_unavailable", said, help_text, retry_after_seconds=5))


async def on_disconnect(_request: Request, _raised: Exception) -> Response:
    """The client is gone; what is returned reaches nobody."""
    return refusal(Fault("timeout", "The client closed its connection before its body was whole."))


async def on_defect(_request: Request, _raised: Exception) -> Response:
    """A defect of ours: the server's log has the traceback, the client never does."""
    return refusal(Fault("internal", "OrchVynt failed on this request.", "The server's log has the cause; please report it."))
