"""What callers send, and what they read out of what they got, in their own dialect."""

import json
from dataclasses import dataclass
from typing import Any, Final

from tests.simulation.plan import Call

from orchvynt.surfaces.api.http.request import Request

PATHS: Final = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages", "ollama": "/api/chat"}


def request_of(call: Call) -> Request:
    """The request as it comes off the wire."""
    headers = [("content-type", "application/json")]
    headers += [(f"x-orchvynt-{name}", value) for name, value in call.claims.items() if name != "customer"]
    context: dict[str, Any] = {"broken": 5} if call.broken else {}
    if "customer" in call.claims:
        context["customer"] = call.claims["customer"]
    if context:
        headers.append(("x-orchvynt-context", json.dumps(context)))
    if call.key:
        headers.append(("idempotency-key", call.key))
    if call.dialect == "anthropic":
        headers.append(("anthropic-version", "2023-06-01"))
    request = Request("POST", PATHS[call.dialect], "", [(name.encode(), value.encode()) for name, value in headers], "simulation:0")
    request.body = body_of(call)
    request.body_bytes = len(request.body)
    return request


def body_of(call: Call) -> bytes:
    return json.dumps(_body(call), ensure_ascii=False).encode()


def _body(call: Call) -> dict[str, Any]:
    body: dict[str, Any] = {"model": call.model, "messages": [{"role": "user", "content": call.text}], "stream": call.stream}
    limit = asked(call)
    if limit is None:
        return body
    if call.dialect == "ollama":
        return {**body, "options": {"num_predict": limit}}
    return {**body, "max_tokens": limit}


def asked(call: Call) -> int | None:
    """The output limit that the caller gives; Anthropic's API demands one."""
    return call.max_tokens if call.max_tokens is not None or call.dialect != "anthropic" else 300


@dataclass(frozen=True)
class Read:
    """`text` is what came of the answer; `whole` whether its end said that it is; `code` is that of an error, in the body or the stream."""

    text: str
    whole: bool
    code: str


def read(call: Call, status: int, how: str, body: bytes) -> Read:
    if status == 0:
        return Read("", False, "")
    if status != 200:
        return Read("", False, _code(json.loads(body)) if how == "answered" else "")
    if not call.stream:
        return Read(_text(json.loads(body)), how == "answered", "")
    text, whole, code = "", False, ""
    for event in _events(body):
        if event == "[DONE]":
            whole = True
            continue
        said = json.loads(event)
        if "error" in said:
            code = _code(said)
        elif said.get("type") == "message_stop" or said.get("done") is True:
            whole = True
        text += _text(said)
    return Read(text, whole and how == "ended", code)


def _events(body: bytes) -> list[str]:
    """The data of server-sent events, or lines of JSON. What a cut left of its last line is none."""
    lines = body.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")[:-1]
    return [line.removeprefix("data: ") for line in lines if line.startswith(("data: ", "{"))]


def _text(said: dict[str, Any]) -> str:
    """The text in a whole answer or in one piece of a stream, of all three dialects."""
    found = []
    for choice in said.get("choices") or ():
        found.append((choice.get("message") or choice.get("delta") or {}).get("content"))
    content = said.get("content")
    if isinstance(content, list):
        found += [part.get("text") for part in content]
    found.append((said.get("delta") or {}).get("text"))
    message = said.get("message")
    if isinstance(message, dict) and isinstance(message.get("content"), str):
        found.append(message["content"])
    return "".join(part for part in found if isinstance(part, str))


def _code(said: dict[str, Any]) -> str:
    error = said.get("error", said)
    return str(error.get("code") or error.get("type") or "") if isinstance(error, dict) else str(said.get("code") or error)
