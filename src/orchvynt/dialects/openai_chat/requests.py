"""Writes requests to OpenAI and compatible providers: the caller's own body with only what must change, or a canonical chat."""

from typing import Any, Final

import msgspec

from orchvynt.catalog.reasoning import reasons
from orchvynt.dialects.openai_chat.reading import METADATA_PREFIX, may_be_ours
from orchvynt.dialects.plain import plain
from orchvynt.dialects.shapes import UnsupportedError, UpstreamAsk
from orchvynt.dialects.translation import Dropped, Table, check_some_output, drop_extras, output_limit
from orchvynt.model.chat import AnswerFormat, Chat, Document, Image, Message, Text, Tool, ToolCall, ToolChoice, ToolResult
from orchvynt.model.invocation import Ask

PATH: Final = "/chat/completions"
"""Below the base_url that the official SDK takes, which ends in /v1."""

_SAMPLING: Final = (
    "top_k", "min_p", "typical_p", "repeat_penalty", "repeat_last_n", "penalize_newline", "mirostat", "mirostat_tau", "mirostat_eta",
)  # fmt: skip

DROPPED: Final[Table] = (
    *((name, "the API has none") for name in _SAMPLING),
    ("tool_result.is_error", "the API has no such mark; the text of the result stays"),
)
"""What callers of other dialects lose, and why. It changes how an answer is sampled, never what was asked for."""

REFUSED: Final[Table] = (
    ("max_tokens of zero", "the API takes no such limit"),
    ("any other field", "without it the answer may be another"),
)

MAPPED: Final[Table] = (
    ("the limit of output", "`max_completion_tokens` for models that know only that name, else `max_tokens`"),
    ("documents that are inline PDF", "`file` parts"),
    ("presence_penalty, frequency_penalty, top_logprobs", "the fields of the same names"),
)

_KNOWN_EXTRAS: Final = frozenset({"presence_penalty", "frequency_penalty", "top_logprobs"})

PDF: Final = "application/pdf"
"""The one kind of file that chat completions take (developers.openai.com/api/docs/guides/file-inputs)."""

JSON_HEADERS: Final = (("content-type", "application/json"), ("accept", "application/json"))
STREAM_HEADERS: Final = (("content-type", "application/json"), ("accept", "text/event-stream"))

_OLD_NAME: Final = "max_tokens"
_NEW_NAME: Final = "max_completion_tokens"

_USAGE_WANTED: Final = msgspec.Raw(b'{"include_usage":true}')
_TRUE: Final = msgspec.Raw(b"true")

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


def pass_request(ask: Ask, upstream_model: str, output_tokens_max: int | None) -> UpstreamAsk:
    """Splices model, output limit and `include_usage` into the caller's own body, and takes `orchvynt_*` metadata out.

    Raises UnsupportedError for nesting at the edge of the stack.
    The values that stay are the caller's own bytes. A key that stands twice at the top collapses to the one that was read, so
    that the provider cannot read another than was judged.
    """
    try:
        top = _decode(ask.body)
    except RecursionError as error:
        raise UnsupportedError("The body is nested too deeply.", "") from error
    changed = False
    if ask.requested_model != upstream_model:
        top["model"] = msgspec.Raw(_encode(upstream_model))
        changed = True
    asked = ask.max_output_tokens
    if output_tokens_max is not None and (asked is None or output_tokens_max < asked):
        _set_limit(top, upstream_model, output_tokens_max)
        changed = True
    elif asked is not None and not _is_set(top, _NEW_NAME) and reasons(upstream_model):
        _set_limit(top, upstream_model, asked)
        changed = True
    if ask.stream:
        if not ask.wants_usage:
            top["stream_options"] = _with_usage(top.get("stream_options"))
            changed = True
        headers = STREAM_HEADERS
    else:
        headers = JSON_HEADERS
    if "metadata" in top:
        changed |= _strip_metadata(top)
    body = _encode(top)
    if not changed and len(body) == len(ask.body):
        body = ask.body
    return UpstreamAsk(path=PATH, headers=headers, body=body)


def write_request(chat: Chat, upstream_model: str, output_tokens_max: int | None) -> UpstreamAsk:
    """The request for a canonical chat. Of a caller of this same API nothing is dropped: `extras` go out under their own names.

    Raises UnsupportedError for what dropping would change the answer.
    """
    check_some_output(chat, "OpenAI")
    dropped = Dropped(chat)
    chat = plain(chat, "OpenAI", dropped, (PDF,))
    extras = chat.extras
    if chat.dialect != "openai_chat":
        drop_extras(chat, "OpenAI", _KNOWN_EXTRAS, dropped, _SAMPLING)
        extras = {name: value for name, value in extras.items() if name in _KNOWN_EXTRAS}
    if any(isinstance(part, ToolResult) and part.is_error for message in chat.messages for part in message.parts):
        dropped.add("tool_result.is_error")
    body: dict[str, Any] = {"model": upstream_model, "messages": [_message(message) for message in chat.messages]}
    options: dict[str, Any] = {
        "tools": [_tool(tool) for tool in chat.tools] or None,
        "tool_choice": _tool_choice(chat.tool_choice) if chat.tool_choice else None,
        "parallel_tool_calls": chat.parallel_tool_calls,
        "response_format": _answer_format(chat.answer_format) if chat.answer_format else None,
        limit_name(upstream_model, False): output_limit(chat, output_tokens_max),
        "temperature": chat.temperature,
        "top_p": chat.top_p,
        "stop": list(chat.stop) or None,
        "seed": chat.seed,
        "logprobs": True if chat.logprobs else None,
        "user": chat.user or None,
        "stream": True if chat.stream else None,
        "stream_options": {"include_usage": True} if chat.stream else None,
    }
    body.update((name, value) for name, value in options.items() if value is not None)
    body.update(extras)
    headers = STREAM_HEADERS if chat.stream else JSON_HEADERS
    return UpstreamAsk(path=PATH, headers=headers, body=_encode(body), dropped=dropped.told())


def limit_name(upstream_model: str, caller_used_new_name: bool) -> str:
    """Under which name a model takes its output limit."""
    return _NEW_NAME if caller_used_new_name or reasons(upstream_model) else _OLD_NAME


def _set_limit(top: dict[str, msgspec.Raw], upstream_model: str, limit: int) -> None:
    name = limit_name(upstream_model, _is_set(top, _NEW_NAME))
    # Both names at once are refused by OpenAI; one of them may be there with `null`.
    top.pop(_OLD_NAME, None)
    top.pop(_NEW_NAME, None)
    top[name] = msgspec.Raw(b"%d" % limit)


def _is_set(top: dict[str, msgspec.Raw], name: str) -> bool:
    raw = top.get(name)
    return raw is not None and bytes(raw) != b"null"


def _with_usage(options: msgspec.Raw | None) -> msgspec.Raw:
    if options is None or bytes(options) == b"null":
        return _USAGE_WANTED
    inner = _decode(options)
    inner["include_usage"] = _TRUE
    return msgspec.Raw(_encode(inner))


def _strip_metadata(top: dict[str, msgspec.Raw]) -> bool:
    raw = top["metadata"]
    if not may_be_ours(bytes(raw)):
        return False
    metadata = _decode(raw)
    kept = {key: value for key, value in metadata.items() if not key.startswith(METADATA_PREFIX)}
    if len(kept) == len(metadata):
        return False
    if kept:
        top["metadata"] = msgspec.Raw(_encode(kept))
    else:
        del top["metadata"]
    return True


def _message(message: Message) -> dict[str, Any]:
    told: dict[str, Any] = {"role": message.role}
    if message.name:
        told["name"] = message.name
    if message.is_open:
        # DeepSeek's and Mistral's word for a turn that the answer goes on with; OpenAI has none, and is asked instead.
        told["prefix"] = True
    calls = [part for part in message.parts if isinstance(part, ToolCall)]
    results = [part for part in message.parts if isinstance(part, ToolResult)]
    if results:
        return {**told, "role": "tool", "tool_call_id": results[0].call_id, "content": results[0].text}
    parts = [part for part in message.parts if isinstance(part, Text | Image | Document)]
    if all(isinstance(part, Text) for part in parts) and len(parts) <= 1:
        text = "".join(part.text for part in parts if isinstance(part, Text))
        told["content"] = None if calls and not text else text
    else:
        told["content"] = [_part(part) for part in parts]
    if calls:
        told["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}} for call in calls
        ]
    return told


def _part(part: Text | Image | Document) -> dict[str, Any]:
    if isinstance(part, Document):
        # The API demands a name (developers.openai.com/api/docs/guides/file-inputs).
        file = {"filename": part.title or "document.pdf", "file_data": f"data:{part.media_type};base64,{part.data}"}
        return {"type": "file", "file": file}
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    url = part.url or f"data:{part.media_type};base64,{part.data}"
    return {"type": "image_url", "image_url": {"url": url, "detail": part.detail} if part.detail else {"url": url}}


def _tool(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    if tool.parameters:
        function["parameters"] = tool.parameters
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _tool_choice(choice: ToolChoice) -> object:
    return {"type": "function", "function": {"name": choice.name}} if choice.mode == "tool" else choice.mode


def _answer_format(form: AnswerFormat) -> dict[str, Any]:
    if form.kind == "json":
        return {"type": "json_object"}
    schema: dict[str, Any] = {"name": form.name or "answer", "schema": form.schema}
    if form.strict is not None:
        schema["strict"] = form.strict
    return {"type": "json_schema", "json_schema": schema}
