"""One HTTP exchange with OrchVynt, over the standard library. Redirects are never followed, answers are bounded."""

import http.client
import json
import os
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from orchvynt.surfaces.sdk.errors import OrchvyntError, PendingReview

DEFAULT_BASE_URL: Final = "http://127.0.0.1:4821"
ANSWER_BYTES_MAX: Final = 64 * 1024 * 1024


@dataclass(frozen=True)
class Target:
    """Where to, and as whom. Arguments win over ORCHVYNT_BASE_URL and ORCHVYNT_API_KEY."""

    tls: bool
    host: str
    port: int | None
    prefix: str
    api_key: str = field(repr=False)


def target(base_url: str | None, api_key: str | None) -> Target:
    """Raises ValueError if `base_url` is no http(s) address. A trailing `/v1`, as other SDKs take it, is fine."""
    # A client library has no assembly above it: this is the one place where it looks at the environment.
    environment = os.environ  # noqa: TID251
    address = base_url or environment.get("ORCHVYNT_BASE_URL") or DEFAULT_BASE_URL
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"base_url is an address such as {DEFAULT_BASE_URL}, not {address!r}")
    prefix = parts.path.rstrip("/").removesuffix("/v1")
    key = api_key if api_key is not None else environment.get("ORCHVYNT_API_KEY", "")
    return Target(parts.scheme == "https", parts.hostname, parts.port, prefix, key)


class Line:
    """The connection of one exchange, so that another thread can hang up."""

    def __init__(self) -> None:
        self._connection: http.client.HTTPConnection | None = None
        self._ended = threading.Event()

    def open(self, where: Target, timeout: float) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if where.tls else http.client.HTTPConnection
        self._connection = kind(where.host, where.port, timeout=timeout)
        return self._connection

    def hang_up(self) -> None:
        """Ends the exchange at once; the server cancels what it was doing for it."""
        self._ended.set()
        connection = self._connection
        if connection is not None and connection.sock is not None:
            try:
                connection.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return

    @property
    def hung_up(self) -> bool:
        return self._ended.is_set()

    def pause(self, seconds: float) -> None:
        """Waits so long between two exchanges, or until it is hung up."""
        if seconds > 0:
            self._ended.wait(seconds)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: Any


def exchange(
    where: Target, method: str, path: str, timeout: float, line: Line, body: Any = None, extra: Mapping[str, str] | None = None
) -> Answer:
    """Sends and reads once. Raises OrchvyntError with status 0 if no whole answer came."""
    sent = {"accept": "application/json", "x-stainless-read-timeout": format(timeout, "g"), **(extra or {})}
    if where.api_key:
        sent["authorization"] = f"Bearer {where.api_key}"
    payload = None
    if body is not None:
        sent["content-type"] = "application/json"
        payload = json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    connection = line.open(where, timeout)
    try:
        connection.connect()
        if line.hung_up:  # from here on the socket is there, and hanging up ends it
            raise OrchvyntError(0, "cancelled", "The call was cancelled.")
        connection.request(method, where.prefix + path, payload, sent)
        with connection.getresponse() as answer:
            raw = answer.read(ANSWER_BYTES_MAX + 1)
        if len(raw) > ANSWER_BYTES_MAX:
            raise OrchvyntError(0, "too_large", f"The answer is larger than {ANSWER_BYTES_MAX} bytes.")
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, _json(raw, answer.status))
    except TimeoutError as late:
        raise OrchvyntError(0, "timeout", f"OrchVynt at {where.host} did not answer within {timeout:g} s.") from late
    except (OSError, http.client.HTTPException) as broken:
        message = (
            f"OrchVynt at {where.host}:{where.port or (443 if where.tls else 80)} cannot be reached ({broken or type(broken).__name__})."
        )
        raise OrchvyntError(0, "connection", f"{message} Is `orchvynt serve` running, and is base_url right?") from broken
    finally:
        connection.close()


def _json(raw: bytes, status: int) -> Any:
    try:
        return json.loads(raw)
    except ValueError as unreadable:
        raise OrchvyntError(status, "malformed", "The answer is not JSON; is base_url really an OrchVynt?") from unreadable


def raise_refusal(answer: Answer) -> None:
    """Raises for everything that is no answer: PendingReview for a parked one, else OrchvyntError."""
    body = answer.body if isinstance(answer.body, dict) else {}
    inner = body.get("error")
    error: dict[str, Any] = inner if isinstance(inner, dict) else body
    code = str(error.get("code") or "")
    if answer.status < 300 and code != "hitl_pending" and answer.status != 202:
        return
    invocation = str(error.get("invocation_id") or body.get("invocation_id") or answer.headers.get("x-orchvynt-invocation") or "")
    message = str(error.get("message") or f"OrchVynt answered {answer.status}.")
    if code == "hitl_pending" or answer.status == 202:
        detail = error.get("detail")
        found: dict[str, Any] = {**(detail if isinstance(detail, dict) else {}), **error}
        words = message if error.get("message") else "The answer waits for a review."
        raise PendingReview(answer.status, words, invocation, str(found.get("review_id") or ""), str(found.get("poll") or ""), error)
    raise OrchvyntError(answer.status, code or "unknown", message, invocation, error)
