"""The Chat Completions API of OpenAI, as a provider speaks it.

Shapes after the API reference (https://platform.openai.com/docs/api-reference/chat and .../chat-streaming): chunks carry
`usage: null` and one more chunk without choices carries the usage when `stream_options.include_usage` is set; `[DONE]` ends a stream.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from orchvynt.scripted import tokens
from orchvynt.scripted.shapes import Api, Ask, Frame, Json, Piece, Refused, Said, Stream, mapping, sequence, text_of, whole_number

_ROLES: Final = ("system", "developer", "user", "assistant", "tool", "function")
_TYPES: Final = {401: "invalid_request_error", 403: "insufficient_permissions", 429: "rate_limit_exceeded"}
_CODES: Final = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}
_FINISH: Final = {"stop_sequence": "stop"}
CHOICES_MAX: Final = 128
_encode: Final = msgspec.json.encode


class OpenAiWire:
    """Speaks `/v1/chat/completions`."""

    api: Api = "openai"
    stream_type = "text/event-stream; charset=utf-8"

    def read(self, body: dict[str, Json], headers: Mapping[str, str]) -> Ask | Refused:  # noqa: ARG002 - the protocol's shape
        messages = body.get("messages")
        if not text_of(body.get("model")):
            return Refused(400, "you must provide a model parameter")
        if not isinstance(messages, list) or not messages:
            return Refused(400, "Missing required parameter: 'messages'.", "messages", error_code="missing_required_parameter")
        problem = _problem(messages) or _option_problem(body)
        if problem:
            return problem
        limit = whole_number(body.get("max_completion_tokens"))
        limit = whole_number(body.get("max_tokens")) if limit is None else limit
        form = mapping(body.get("response_format"))
        last = messages[-1]
        continues = last["role"] == "assistant" and (last.get("prefix") is True or body.get("continue_final_message") is True)
        stop = body.get("stop")
        return Ask(
            api="openai",
            model=body["model"],
            stream=body.get("stream") is True,
            last_user=next((text for message in reversed(messages) if message["role"] == "user" and (text := _text(message))), ""),
            tool_result="\n".join(_text(message) for message in _trailing_tools(messages)),
            prefill=_text(last) if continues else "",
            input_tokens=_input_tokens(messages, body.get("tools")),
            max_tokens=limit,
            stop=(stop,) if isinstance(stop, str) else tuple(text_of(part) for part in sequence(stop)),
            choices=whole_number(body.get("n")) or 1,
            include_usage=mapping(body.get("stream_options")).get("include_usage") is True,
            logprobs=body.get("logprobs") is True,
            top_logprobs=whole_number(body.get("top_logprobs")) or 0,
            wants_json=form.get("type") == "json_object",
            schema=mapping(mapping(form.get("json_schema")).get("schema")) if form.get("type") == "json_schema" else None,
            forced_tool=_forced_tool(body),
        )

    def whole(self, said: Said) -> bytes:
        message: dict[str, Json] = {"role": "assistant", "content": said.text or None, "refusal": None}
        if said.refusal:
            message.update(content=None, refusal=said.text)
        elif said.calls:
            message["tool_calls"] = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}} for call in said.calls
            ]
        elif message["content"] is None:
            message["content"] = ""
        logprobs = _logprobs(said, [piece for frame in said.frames if frame.call < 0 for piece in frame.pieces])
        finish = _FINISH.get(said.finish, said.finish)
        body: dict[str, Json] = {
            "id": said.id,
            "object": "chat.completion",
            "created": said.created_s,
            "model": said.ask.model,
            "choices": [
                {"index": index, "message": message, "logprobs": logprobs, "finish_reason": finish} for index in range(said.ask.choices)
            ],
            "service_tier": "default",
            "system_fingerprint": "fp_scripted",
        }
        if said.reported is not None:
            body["usage"] = _usage(said.reported)
        return _encode(body)

    def stream(self, said: Said) -> Stream:
        indexes = range(said.ask.choices)
        first: dict[str, Json] = {"role": "assistant", "content": None if said.calls and not said.text else "", "refusal": None}
        finish = _FINISH.get(said.finish, said.finish)
        late = _usage(said.reported) if said.usage_late and said.reported is not None else None
        closing = [_chunk(said, index, {}, finish=finish, usage=late) for index in indexes]
        if said.ask.include_usage and said.reported is not None and not said.usage_late:
            closing.append(_event(_base(said) | {"choices": [], "usage": _usage(said.reported)}))
        return Stream(
            opening=tuple(_chunk(said, index, first) for index in indexes),
            content=tuple(
                Piece(b"".join(_content(said, frame, index) for index in indexes), frame.tokens * said.ask.choices) for frame in said.frames
            ),
            closing=tuple(closing),
            terminal=b"data: [DONE]\n\n",
        )

    def error(self, refused: Refused, request_id: str) -> bytes:  # noqa: ARG002 - the protocol's shape
        return _encode({"error": _error(refused)})

    def error_event(self, refused: Refused, request_id: str) -> bytes:  # noqa: ARG002 - the protocol's shape
        return _event({"error": _error(refused)})

    def ping(self) -> bytes:
        return b": ping\n\n"

    def request_id_header(self) -> str:
        return "x-request-id"

    def models(self, names: Sequence[str], created_s: int) -> bytes:
        return _encode(
            {"object": "list", "data": [{"id": name, "object": "model", "created": created_s, "owned_by": "scripted"} for name in names]}
        )


def _error(refused: Refused) -> dict[str, Json]:
    default = "server_error" if refused.status >= 500 else "invalid_request_error"
    return {
        "message": refused.message,
        "type": refused.error_type or _TYPES.get(refused.status, default),
        "param": refused.param,
        "code": refused.error_code or _CODES.get(refused.status),
    }


def _event(value: Json) -> bytes:
    return b"data: " + _encode(value) + b"\n\n"


def _base(said: Said) -> dict[str, Json]:
    return {
        "id": said.id,
        "object": "chat.completion.chunk",
        "created": said.created_s,
        "model": said.ask.model,
        "service_tier": "default",
        "system_fingerprint": "fp_scripted",
    }


def _chunk(
    said: Said, index: int, delta: dict[str, Json], *, logprobs: Json = None, finish: str | None = None, usage: Json = None
) -> bytes:
    body = _base(said)
    body["choices"] = [{"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}]
    if usage is not None or said.ask.include_usage:
        body["usage"] = usage
    return _event(body)


def _content(said: Said, frame: Frame, index: int) -> bytes:
    """One frame for one choice. The first frame of a call is led by the chunk with its id and name."""
    if frame.call < 0:
        delta = {"refusal" if said.refusal else "content": frame.text}
        return _chunk(said, index, delta, logprobs=_logprobs(said, frame.pieces))
    lead = b""
    if frame.first:
        call = said.calls[frame.call]
        named = {"index": frame.call, "id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""}}
        lead = _chunk(said, index, {"tool_calls": [named]})
    return lead + _chunk(said, index, {"tool_calls": [{"index": frame.call, "function": {"arguments": frame.text}}]})


def _usage(reported: tuple[int, int]) -> dict[str, Json]:
    return {
        "prompt_tokens": reported[0],
        "completion_tokens": reported[1],
        "total_tokens": reported[0] + reported[1],
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def _logprobs(said: Said, pieces: Sequence[str]) -> Json:
    if not said.ask.logprobs or said.confidence is None:
        return None
    entries = [token_logprob(piece, said.confidence, said.ask.top_logprobs) for piece in pieces]
    return {"content": None, "refusal": entries} if said.refusal else {"content": entries, "refusal": None}


def token_logprob(piece: str, confidence: float, top: int) -> dict[str, Json]:
    """One token's entry: every token has the scripted confidence, the one alternative has the rest."""
    own: dict[str, Json] = {"token": piece, "bytes": list(piece.encode()), "logprob": math.log(confidence)}
    other: dict[str, Json] = {"token": " other", "bytes": list(b" other"), "logprob": math.log(max(1 - confidence, 1e-9))}
    return own | {"top_logprobs": [own, other][:top]}


def _text(message: dict[str, Json]) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    return "".join(text_of(mapping(part).get("text")) for part in sequence(content))


def _trailing_tools(messages: Sequence[dict[str, Json]]) -> list[dict[str, Json]]:
    found: list[dict[str, Json]] = []
    for message in reversed(messages):
        if message["role"] != "tool":
            break
        found.append(message)
    return found[::-1]


def _input_tokens(messages: Sequence[dict[str, Json]], tools: Json) -> int:
    """In words: OpenAI's tokenizers are public, so whoever counts with them must find that this provider bills no more."""
    total = tokens.PROMPT_OVERHEAD
    for message in messages:
        total += tokens.MESSAGE_OVERHEAD + tokens.words(_text(message))
        for call in sequence(message.get("tool_calls")):
            function = mapping(mapping(call).get("function"))
            total += tokens.words(text_of(function.get("name"))) + tokens.words(text_of(function.get("arguments")))
    return total + (tokens.words(_encode(tools).decode()) if tools else 0)


def _forced_tool(body: dict[str, Json]) -> tuple[str, dict[str, Json]] | None:
    choice = body.get("tool_choice")
    wanted = text_of(mapping(mapping(choice).get("function")).get("name"))
    if choice != "required" and not wanted:
        return None
    functions = [mapping(mapping(tool).get("function")) for tool in sequence(body.get("tools"))]
    for function in functions:
        if wanted in ("", text_of(function.get("name"))):
            return text_of(function.get("name")), mapping(function.get("parameters"))
    return None


def _problem(messages: Sequence[Json]) -> Refused | None:
    """What the API refuses in a conversation: unknown roles, missing content, tool results that answer no call, calls left open."""
    open_calls: set[str] = set()
    for at, message in enumerate(messages):
        if not isinstance(message, dict) or message.get("role") not in _ROLES:
            supported = ", ".join(f"'{role}'" for role in _ROLES)
            return Refused(400, f"Invalid value for 'messages[{at}].role'. Supported values are: {supported}.", f"messages[{at}].role")
        if message["role"] == "tool":
            if text_of(message.get("tool_call_id")) not in open_calls:
                what = "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
                return Refused(400, f"Invalid parameter: {what}", f"messages[{at}].role")
            open_calls.discard(message["tool_call_id"])
            continue
        if open_calls:
            break
        calls = sequence(message.get("tool_calls"))
        if not isinstance(message.get("content"), str | list) and not (message["role"] == "assistant" and (calls or "refusal" in message)):
            return Refused(400, f"Invalid value for 'content': expected a string, got null. (messages[{at}])", f"messages[{at}].content")
        open_calls = {text_of(mapping(call).get("id")) for call in calls}
    if open_calls:
        what = "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'."
        return Refused(
            400, f"{what} The following tool_call_ids did not have response messages: {', '.join(sorted(open_calls))}", "messages"
        )
    return None


def _option_problem(body: dict[str, Json]) -> Refused | None:
    for name in ("max_tokens", "max_completion_tokens", "n"):
        value = body.get(name)
        if value is None:
            continue
        number = whole_number(value)
        if number is None or number < 1 or (name == "n" and number > CHOICES_MAX):
            return Refused(400, f"Invalid '{name}': expected an integer of at least 1.", name, error_code="invalid_value")
    if body.get("stream_options") is not None and body.get("stream") is not True:
        return Refused(400, "The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options")
    for at, tool in enumerate(sequence(body.get("tools"))):
        if not text_of(mapping(mapping(tool).get("function")).get("name")) and mapping(tool).get("type") != "custom":
            return Refused(400, f"Missing required parameter: 'tools[{at}].function.name'.", f"tools[{at}].function.name")
    return None
