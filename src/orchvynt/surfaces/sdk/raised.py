"""Reads what a client raised: of which invocation it speaks, whether that waits for a review, and as what its answer is to be given.

It knows the exceptions of `openai`, `anthropic` and `ollama` by their shape, and imports none of these libraries.
"""

import re
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from orchvynt.surfaces.sdk.errors import OrchvyntError

PENDING: Final = "hitl_pending"
_INVOCATION: Final = re.compile(r"/v1/invocations/([A-Za-z0-9_-]{1,200})/result")
_CREDENTIALS: Final = ("authorization", "x-api-key")


def error_object(raised: BaseException) -> Mapping[str, Any]:
    """The error object of the answer, empty where the exception carries none. Anthropic's clients keep the body around it."""
    if isinstance(raised, OrchvyntError):
        return {**raised.detail, "code": raised.code, "message": raised.message, "invocation_id": raised.invocation_id}
    body = getattr(raised, "body", None)
    if not isinstance(body, Mapping):
        return {}
    inner = body.get("error")
    return inner if isinstance(inner, Mapping) else body


def is_pending(raised: BaseException) -> bool:
    """Whether the exception says that the answer waits for a review, whichever client raised it, from a stream too."""
    code = error_object(raised).get("code")
    if code:
        return bool(code == PENDING)
    # Ollama's client keeps nothing of an error but its sentence and its status.
    return getattr(raised, "status_code", 0) in (409, -1) and bool(_INVOCATION.search(str(raised)))


def invocation_of(pending: BaseException | str) -> str:
    """The invocation that an id or an exception speaks of. Raises ValueError."""
    found = pending if isinstance(pending, str) else _invocation(pending)
    if not found:
        raise ValueError("no invocation is named there; give the exception that was raised, or the id of x-orchvynt-invocation")
    return found


def _invocation(raised: BaseException) -> str:
    response = getattr(raised, "response", None)
    headers = getattr(response, "headers", None)
    said = getattr(raised, "invocation_id", "") or (headers.get("x-orchvynt-invocation", "") if headers is not None else "")
    said = said or error_object(raised).get("invocation_id", "")
    if not said and (named := _INVOCATION.search(str(raised))):
        said = named[1]
    return str(said)


def asked_at(pending: BaseException | str) -> tuple[str | None, str | None]:
    """The base_url and the credential that the client itself used, as far as its exception keeps them."""
    request = None if isinstance(pending, str) else getattr(pending, "request", None)
    url = str(getattr(request, "url", ""))
    if not url:
        return None, None
    parts = urlsplit(url)
    before, found, _ = parts.path.rpartition("/v1/")
    base = f"{parts.scheme}://{parts.netloc}{before if found else ''}"
    headers = getattr(request, "headers", {})
    credential = next((value for name in _CREDENTIALS if (value := headers.get(name))), "")
    return base, credential.removeprefix("Bearer ")


def shaped_for(pending: BaseException | str) -> Callable[[dict[str, Any]], Any]:
    """What makes the answer one of the types of the client that raised; without one, or for an id, it stays the object of the API."""
    library = "" if isinstance(pending, str) else type(pending).__module__.partition(".")[0]
    # Whose exception it is, is loaded.
    loaded = sys.modules.get(library)
    if loaded is None:
        return _as_it_is
    match library:
        case "openai":
            return _constructed(loaded.types.chat.ChatCompletion)
        case "anthropic":
            return _constructed(loaded.types.Message)
        case "ollama":
            return lambda body: (loaded.ChatResponse if "message" in body else loaded.GenerateResponse)(**body)
        case _:
            return _as_it_is


def _constructed(kind: Any) -> Callable[[dict[str, Any]], Any]:
    """As these clients make their own answers: unknown fields stay, and nothing is refused."""
    return lambda body: kind.construct(**body)


def _as_it_is(body: dict[str, Any]) -> Any:
    return body
