"""The Messages API of Anthropic, as a provider speaks it.

Shapes after https://platform.claude.com/docs/en/build-with-claude/streaming (order of events, `ping`, cumulative usage in
`message_delta`) and https://platform.claude.com/docs/en/api/errors (error types by status, `request_id`). What it accepts is in
`anthropic_checks.py`.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from orchvynt.scripted import tokens
from orchvynt.scripted.anthropic_checks import SIGNATURE, blocks, problem, text
from orchvynt.scripted.shapes import Api, Ask, Call, Frame, Json, Piece, Refused, Said, Stream, mapping, sequence, text_of, whole_number

_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_STOPS: Final = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}
_encode: Final = msgspec.json.encode


class AnthropicWire:
    """Speaks `/v1/messages`."""

    api: Api = "anthropic"
    stream_type = "text/event-stream; charset=utf-8"

    def read(self, body: dict[str, Json], headers: Mapping[str, str]) -> Ask | Refused:
        refused = problem(body, headers)
        if refused is not None:
            return refused
        messages = body["messages"]
        last = messages[-1]
        results = [block for block in blocks(last) if block.get("type") == "tool_result"] if last["role"] == "user" else []
        form = mapping(mapping(body.get("output_config")).get("format")) or mapping(body.get("output_format"))
        return Ask(
            api="anthropic",
            model=body["model"],
            stream=body.get("stream") is True,
            last_user=next((said for message in reversed(messages) if message["role"] == "user" and (said := text(message))), ""),
            tool_result="\n".join(text(result) for result in results),
            prefill=text(last) if last["role"] == "assistant" else "",
            input_tokens=_input_tokens(body),
            max_tokens=whole_number(body.get("max_tokens")),
            stop=tuple(text_of(part) for part in sequence(body.get("stop_sequences"))),
            schema=mapping(form.get("schema")) if form.get("type") == "json_schema" else None,
            forced_tool=_forced_tool(body),
        )

    def whole(self, said: Said) -> bytes:
        content: list[Json] = [{"type": "thinking", "thinking": said.thinking, "signature": SIGNATURE}] if said.thinking else []
        content += [{"type": "text", "text": said.text}] if said.text else []
        content += [{"type": "tool_use", "id": call.id, "name": call.name, "input": _input(call)} for call in said.calls]
        message = _message(said) | {"content": content, **_stop(said)}
        if said.reported is not None:
            message["usage"] = _usage(said.reported)
        return _encode(message)

    def stream(self, said: Said) -> Stream:
        start = _message(said)
        if said.reported is not None:
            start["usage"] = _usage((0, 0) if said.usage_late else (said.reported[0], min(1, said.reported[1])))
        delta: dict[str, Json] = {"type": "message_delta", "delta": _stop(said)}
        if said.reported is not None:
            delta["usage"] = _usage(said.reported) if said.usage_late else {"output_tokens": said.reported[1]}
        return Stream(
            opening=(_event("message_start", {"type": "message_start", "message": start}), self.ping()),
            content=tuple(Piece(_content(said, frame), frame.tokens) for frame in said.frames),
            closing=(_event("message_delta", delta),),
            terminal=_event("message_stop", {"type": "message_stop"}),
        )

    def error(self, refused: Refused, request_id: str) -> bytes:
        return _encode(_error(refused, request_id))

    def error_event(self, refused: Refused, request_id: str) -> bytes:
        return _event("error", _error(refused, request_id))

    def ping(self) -> bytes:
        return _event("ping", {"type": "ping"})

    def request_id_header(self) -> str:
        return "request-id"

    def models(self, names: Sequence[str], created_s: int) -> bytes:
        created = datetime.fromtimestamp(created_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        data = [{"type": "model", "id": name, "display_name": name, "created_at": created} for name in names]
        ends = {"first_id": names[0], "last_id": names[-1]} if names else {"first_id": None, "last_id": None}
        return _encode({"data": data, "has_more": False, **ends})


def _event(name: str, value: Json) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + _encode(value) + b"\n\n"


def _error(refused: Refused, request_id: str) -> dict[str, Json]:
    kind = refused.error_type or _TYPES.get(refused.status, "api_error" if refused.status >= 500 else "invalid_request_error")
    return {"type": "error", "error": {"type": kind, "message": refused.message}, "request_id": request_id}


def _message(said: Said) -> dict[str, Json]:
    return {
        "id": said.id,
        "type": "message",
        "role": "assistant",
        "model": said.ask.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _stop(said: Said) -> dict[str, Json]:
    reason = "refusal" if said.refusal else _STOPS.get(said.finish, said.finish)
    return {"stop_reason": reason, "stop_sequence": said.stop_sequence if reason == "stop_sequence" else None}


def _usage(reported: tuple[int, int]) -> dict[str, Json]:
    return {
        "input_tokens": reported[0],
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": reported[1],
        "service_tier": "standard",
    }


def _input(call: Call) -> Json:
    """The arguments as the object that the API always gives: empty where the token limit left no whole JSON."""
    try:
        return mapping(msgspec.json.decode(call.arguments or "{}"))
    except msgspec.DecodeError:
        return {}


def _content(said: Said, frame: Frame) -> bytes:
    """One frame, with the start of its block before the first and the stop after the last one of the block."""
    before = bool(said.thinking) + (bool(said.text) if frame.call >= 0 else 0)
    index = 0 if frame.is_thought else before + max(frame.call, 0)
    events: list[bytes] = []
    if frame.first:
        block: dict[str, Json] = {"type": "text", "text": ""}
        if frame.is_thought:
            block = {"type": "thinking", "thinking": "", "signature": ""}
        if frame.call >= 0:
            call = said.calls[frame.call]
            block = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
        events.append(_event("content_block_start", {"type": "content_block_start", "index": index, "content_block": block}))
        if frame.call >= 0:
            events.append(_delta(index, {"type": "input_json_delta", "partial_json": ""}))
    if frame.is_thought:
        events.append(_delta(index, {"type": "thinking_delta", "thinking": frame.text}))
        if frame.last:
            events.append(_delta(index, {"type": "signature_delta", "signature": SIGNATURE}))
    elif frame.call < 0:
        events.append(_delta(index, {"type": "text_delta", "text": frame.text}))
    else:
        events.append(_delta(index, {"type": "input_json_delta", "partial_json": frame.text}))
    if frame.last:
        events.append(_event("content_block_stop", {"type": "content_block_stop", "index": index}))
    return b"".join(events)


def _delta(index: int, delta: dict[str, Json]) -> bytes:
    return _event("content_block_delta", {"type": "content_block_delta", "index": index, "delta": delta})


def _input_tokens(body: Mapping[str, Json]) -> int:
    total = tokens.PROMPT_OVERHEAD
    system = body.get("system")
    if system:
        total += tokens.MESSAGE_OVERHEAD + tokens.count(text({"content": system}))
    for message in body["messages"]:
        total += tokens.MESSAGE_OVERHEAD + tokens.count(text(message))
        for block in blocks(message):
            if block.get("type") == "tool_use":
                total += tokens.count(text_of(block.get("name"))) + tokens.count(_encode(block.get("input")).decode())
            elif block.get("type") == "tool_result":
                total += tokens.count(text(block))
    return total + (tokens.count(_encode(body["tools"]).decode()) if body.get("tools") else 0)


def _forced_tool(body: Mapping[str, Json]) -> tuple[str, dict[str, Json]] | None:
    choice = mapping(body.get("tool_choice"))
    if choice.get("type") not in {"any", "tool"}:
        return None
    for tool in sequence(body.get("tools")):
        name = text_of(mapping(tool).get("name"))
        if choice["type"] == "any" or name == choice.get("name"):
            return name, mapping(mapping(tool).get("input_schema"))
    return None
