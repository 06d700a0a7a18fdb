"""The caller of a rehearsal: writes the request that `given` describes, and keeps what comes back. It reads no answer's meaning."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import msgspec

from orchvynt.dialects.route import AUTO
from orchvynt.ports.caller import Headers, SharedHeaders
from orchvynt.surfaces.api.http.request import Request

CHAT: Final = "/v1/chat/completions"
ROUTE: Final = "/v1/route"
SAID_IN_HEADERS: Final = ("workload", "workflow", "agent", "run", "session", "user", "min_quality")
OPTIONS: Final = ("max_tokens", "response_format")
HELLO: Final = ({"role": "user", "content": "hello"},)

Ended = Literal["", "answered", "ended", "aborted"]


def request_of(given: Mapping[str, Any], authorization: str) -> Request:
    """The request as it comes off the wire. What `given` leaves out is left out, but for a model (`auto`) and a message."""
    endpoint = str(given.get("endpoint") or CHAT)
    headers = [("content-type", "application/json")]
    headers += [(f"x-orchvynt-{name.replace('_', '-')}", str(given[name])) for name in SAID_IN_HEADERS if given.get(name) not in (None, "")]
    if given.get("flags"):
        headers.append(("x-orchvynt-flags", ",".join(str(flag) for flag in given["flags"])))
    if given.get("context"):
        headers.append(("x-orchvynt-context", json.dumps(given["context"])))
    if authorization:
        headers.append(("authorization", authorization))
    request = Request("POST", endpoint, "", [(name.encode(), value.encode()) for name, value in headers], "rehearsal:0")
    request.body = json.dumps(_body(given, endpoint)).encode()
    request.body_bytes = len(request.body)
    return request


def _body(given: Mapping[str, Any], endpoint: str) -> dict[str, Any]:
    body: dict[str, Any] = {"model": given.get("model", AUTO), "messages": given.get("messages", list(HELLO))}
    if "tools" in given:
        body["tools"] = given["tools"]
    options = {name: given[name] for name in OPTIONS if name in given}
    if endpoint == ROUTE:
        return {**body, "options": options} if options else body
    if "stream" in given:
        body["stream"] = given["stream"]
    return {**body, **options}


class RehearsedLine:
    """Implements ports.caller.CallerLine: a caller that reads at once and never leaves. `heard` is called when all is said."""

    def __init__(self, heard: Callable[[], None]) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.ended: Ended = ""
        self.on_gone: Callable[[], None] | None = None
        self.on_full: Callable[[], None] | None = None
        self.on_drained: Callable[[], None] | None = None
        self._heard = heard

    @property
    def gone(self) -> bool:
        return False

    def answer(
        self,
        status: int,
        headers: Headers,
        body: bytes,
        content_type: str = "application/json",  # noqa: ARG002 - the port
        shared: SharedHeaders = (),
    ) -> None:
        self.status, self.headers, self.body = status, dict((*shared, *headers)), body
        self._over("answered")

    def start(self, status: int, headers: Headers, content_type: str) -> None:  # noqa: ARG002 - the port
        self.status, self.headers = status, dict(headers)

    def write(self, data: bytes) -> None:
        """A stream's bytes are not kept: what it came to is in the record."""

    def end(self) -> None:
        self._over("ended")

    def abort(self) -> None:
        self._over("aborted")

    def _over(self, how: Ended) -> None:
        self.ended = how
        self._heard()

    @property
    def error(self) -> tuple[str, str]:
        """The code and the words of a refusal; empty for an answer."""
        if self.ended != "answered" or (self.status < 400 and self.status != 202):
            return "", ""
        try:
            said = msgspec.json.decode(self.body, type=dict[str, Any])
        except msgspec.MsgspecError:
            return "", ""
        error = said.get("error", said)
        return str(error.get("code", "")), str(error.get("message", ""))
