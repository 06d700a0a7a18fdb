"""The native APIs of Ollama, chat and generate, as its server speaks them.

Shapes after https://github.com/ollama/ollama/blob/main/docs/api.md (streams by default, one JSON object a line, counters in the
last one, tool calls whole and with arguments as an object) and https://docs.ollama.com/api/errors (`{"error": "…"}`, in streams too).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from orchvynt.scripted import tokens
from orchvynt.scripted.openai_wire import token_logprob
from orchvynt.scripted.shapes import Api, Ask, Call, Json, Piece, Refused, Said, Stream, mapping, sequence, text_of, whole_number

_ROLES: Final = ("system", "user", "assistant", "tool")
_REASONS: Final = {"length": "length"}
_SPOKEN: Final = (("system", "system"), ("user", "prompt"))
_CONTEXT: Final = (101, 2023, 102)
_encode: Final = msgspec.json.encode


class OllamaWire:
    """Speaks `/api/chat`."""

    api: Api = "ollama"
    stream_type = "application/x-ndjson"

    def read(self, body: dict[str, Json], headers: Mapping[str, str]) -> Ask | Refused:  # noqa: ARG002 - the protocol's shape
        messages = body.get("messages")
        if not text_of(body.get("model")):
            return Refused(400, "model is required")
        if not isinstance(messages, list) or not messages:
            return Refused(400, "messages are required")
        refused = _problem(messages)
        if refused is not None:
            return refused
        form = body.get("format")
        limit = whole_number(mapping(body.get("options")).get("num_predict"))
        stop = mapping(body.get("options")).get("stop")
        last = messages[-1]
        return Ask(
            api="ollama",
            model=body["model"],
            stream=body.get("stream") is not False,
            last_user=next((said for turn in reversed(messages) if turn["role"] == "user" and (said := text_of(turn.get("content")))), ""),
            tool_result="\n".join(text_of(turn.get("content")) for turn in _trailing_tools(messages)),
            prefill=text_of(last.get("content")) if last["role"] == "assistant" else "",
            input_tokens=_input_tokens(messages, body.get("tools")),
            max_tokens=limit if limit is not None and limit >= 0 else None,
            stop=(stop,) if isinstance(stop, str) else tuple(text_of(part) for part in sequence(stop)),
            logprobs=body.get("logprobs") is True,
            top_logprobs=whole_number(body.get("top_logprobs")) or 0,
            wants_json=form == "json",
            schema=form if isinstance(form, dict) else None,
        )

    def whole(self, said: Said) -> bytes:
        body = _base(said) | self._part(said.text, [_call(call, index) for index, call in enumerate(said.calls)])
        logprobs = _logprobs(said, [piece for frame in said.frames if frame.call < 0 for piece in frame.pieces])
        if logprobs is not None:
            body["logprobs"] = logprobs
        return _encode(body | self._done(said))

    def stream(self, said: Said) -> Stream:
        content: list[Piece] = []
        withheld = 0
        for frame in said.frames:
            withheld += frame.tokens
            part = self._part(frame.text, [])
            if frame.call >= 0:
                if not frame.last:
                    continue
                part = self._part("", [_call(said.calls[frame.call], frame.call)])
            line = _base(said) | part | {"done": False}
            logprobs = None if frame.call >= 0 else _logprobs(said, frame.pieces)
            if logprobs is not None:
                line["logprobs"] = logprobs
            content.append(Piece(_encode(line) + b"\n", withheld))
            withheld = 0
        end = _base(said) | self._part("", []) | self._done(said)
        return Stream(opening=(), content=tuple(content), closing=(), terminal=_encode(end) + b"\n")

    def error(self, refused: Refused, request_id: str) -> bytes:  # noqa: ARG002 - the protocol's shape
        return _encode({"error": refused.message})

    def error_event(self, refused: Refused, request_id: str) -> bytes:  # noqa: ARG002 - the protocol's shape
        return _encode({"error": refused.message}) + b"\n"

    def ping(self) -> bytes:
        return b"\n"

    def request_id_header(self) -> str:
        return "x-request-id"

    def models(self, names: Sequence[str], created_s: int) -> bytes:
        modified = _instant(created_s)
        details = {"parent_model": "", "format": "gguf", "family": "scripted", "families": ["scripted"], "parameter_size": "7B"}
        entries = [{"name": name, "model": name, "modified_at": modified, "size": 0, "digest": "", "details": details} for name in names]
        return _encode({"models": entries})

    def _part(self, text: str, calls: Sequence[Json]) -> dict[str, Json]:
        """Where the API has what the model says."""
        message: dict[str, Json] = {"role": "assistant", "content": text}
        return {"message": message | {"tool_calls": calls} if calls else message}

    def _done(self, said: Said) -> dict[str, Json]:
        return _done(said)


class OllamaGenerateWire(OllamaWire):
    """Speaks `/api/generate`: one prompt, and an answer that is `response`; the last line has the conversation as tokens."""

    def read(self, body: dict[str, Json], headers: Mapping[str, str]) -> Ask | Refused:
        messages = [{"role": role, "content": said} for role, name in _SPOKEN if (said := text_of(body.get(name)))]
        return super().read({**body, "messages": messages}, headers)

    def _part(self, text: str, calls: Sequence[Json]) -> dict[str, Json]:
        return {"response": text} | ({"tool_calls": calls} if calls else {})

    def _done(self, said: Said) -> dict[str, Json]:
        return _done(said) | {"context": list(_CONTEXT)}


def _instant(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _base(said: Said) -> dict[str, Json]:
    return {"model": said.ask.model, "created_at": _instant(said.created_s)}


def _done(said: Said) -> dict[str, Json]:
    end: dict[str, Json] = {
        "done": True,
        "done_reason": _REASONS.get(said.finish, "stop"),
        "total_duration": 1_000_000,
        "load_duration": 100_000,
    }
    if said.reported is not None:
        end |= {"prompt_eval_count": said.reported[0], "prompt_eval_duration": 200_000}
        end |= {"eval_count": said.reported[1], "eval_duration": 700_000}
    return end


def _call(call: Call, index: int) -> dict[str, Json]:
    try:
        arguments = mapping(msgspec.json.decode(call.arguments or "{}"))
    except msgspec.DecodeError:
        arguments = {}
    return {"id": call.id, "function": {"index": index, "name": call.name, "arguments": arguments}}


def _logprobs(said: Said, pieces: Sequence[str]) -> Json:
    if not said.ask.logprobs or said.confidence is None:
        return None
    return [token_logprob(piece, said.confidence, said.ask.top_logprobs) for piece in pieces]


def _trailing_tools(messages: Sequence[dict[str, Json]]) -> list[dict[str, Json]]:
    found: list[dict[str, Json]] = []
    for message in reversed(messages):
        if message["role"] != "tool":
            break
        found.append(message)
    return found[::-1]


def _problem(messages: Sequence[Json]) -> Refused | None:
    """Ollama decodes into fixed types: content is a string, never a list of parts, and arguments are an object."""
    for at, message in enumerate(messages):
        if not isinstance(message, dict) or message.get("role") not in _ROLES:
            return Refused(400, f"invalid role at message {at}: expected one of {', '.join(_ROLES)}")
        if not isinstance(message.get("content", ""), str):
            return Refused(400, "json: cannot unmarshal array into Go struct field ChatRequest.messages.content of type string")
        for call in sequence(message.get("tool_calls")):
            if not isinstance(mapping(mapping(call).get("function")).get("arguments"), dict):
                what = "ChatRequest.messages.tool_calls.function.arguments of type api.ToolCallFunctionArguments"
                return Refused(400, f"json: cannot unmarshal string into Go struct field {what}")
    return None


def _input_tokens(messages: Sequence[dict[str, Json]], tools: Json) -> int:
    total = tokens.PROMPT_OVERHEAD
    for message in messages:
        total += tokens.MESSAGE_OVERHEAD + tokens.count(text_of(message.get("content")))
        for call in sequence(message.get("tool_calls")):
            function = mapping(mapping(call).get("function"))
            total += tokens.count(text_of(function.get("name"))) + tokens.count(_encode(function.get("arguments")).decode())
    return total + (tokens.count(_encode(tools).decode()) if tools else 0)
