"""Writes requests to Ollama: the caller's own body with only what must change, or a canonical chat for `/api/chat`."""

from typing import Any, Final

import msgspec

from orchvynt.dialects.plain import plain
from orchvynt.dialects.shapes import UnsupportedError, UpstreamAsk
from orchvynt.dialects.translation import (
    MESSAGES_DROPPED,
    Dropped,
    Table,
    arguments_object,
    check_some_output,
    drop_extras,
    drop_from_messages,
    output_limit,
)
from orchvynt.model.chat import Chat, Document, Image, Message, Text, Tool, ToolCall, ToolResult
from orchvynt.model.invocation import Ask

PATH: Final = "/api/chat"
GENERATE_PATH: Final = "/api/generate"

DROPPED: Final[Table] = (
    *MESSAGES_DROPPED,
    ("tools[].function.strict", "the API has no such promise"),
    ("user", "the API has no accounts"),
)
"""What is left out on the way, and why. It changes how an answer is stored or served, never what was asked for."""

REFUSED: Final[Table] = (
    ("tool_choice required, a function", "the API cannot be made to call a tool"),
    ("parallel_tool_calls false", "the API cannot be held to one call at a time"),
    ("files and documents that are no text", "the API takes only text and images"),
    ("image_url with an address", "the API takes only base64 data"),
    ("arguments of earlier calls that are no JSON object", "the API takes an object"),
    ("n", "the API gives one answer to a request"),
    ("max_tokens of zero", "the API takes it for no limit"),
    ("any other field", "without it the answer may be another"),
)

MAPPED: Final[Table] = (
    ("messages of the role developer", "the role `system`"),
    ("image_url with base64 data", "`messages[].images`"),
    ("tool_choice none", "the tools are left out of the request, which means the same"),
    ("response_format json_object, json_schema", "`format`; a schema always binds, as with `strict`"),
    ("logprobs, top_logprobs", "the fields of the same names, known to Ollama 0.12.11 and later; an older one gives none"),
    ("max_tokens, max_completion_tokens", "`options.num_predict`"),
    ("temperature, top_p, seed, stop, presence_penalty, frequency_penalty", "the options of the same names"),
)

_OPTION_EXTRAS: Final = frozenset({"presence_penalty", "frequency_penalty", "top_k", "min_p", "repeat_penalty"})
"""Extras that Ollama knows as options, under the same names (docs.ollama.com/modelfile, parameters)."""

_HEADERS: Final = (("content-type", "application/json"), ("accept", "application/json"))
_STREAM_HEADERS: Final = (("content-type", "application/json"), ("accept", "application/x-ndjson"))

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


def pass_request(path: str, ask: Ask, upstream_model: str, output_tokens_max: int | None) -> UpstreamAsk:
    """Splices model and `options.num_predict` into the caller's own body. Raises UnsupportedError for nesting at the edge of the stack.

    The values that stay are the caller's own bytes. A key that stands twice collapses to the one that was read, so that the provider
    cannot read another than was judged.
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
        top["options"] = _with_limit(top.get("options"), output_tokens_max)
        changed = True
    body = _encode(top)
    if not changed and len(body) == len(ask.body):
        body = ask.body
    return UpstreamAsk(path=path, headers=_STREAM_HEADERS if ask.stream else _HEADERS, body=body)


def _with_limit(options: msgspec.Raw | None, limit: int) -> msgspec.Raw:
    inner = _decode(options) if options is not None and bytes(options) != b"null" else {}
    inner["num_predict"] = msgspec.Raw(b"%d" % limit)
    return msgspec.Raw(_encode(inner))


def write_request(chat: Chat, upstream_model: str, output_tokens_max: int | None) -> UpstreamAsk:
    """The request for a canonical chat. Raises UnsupportedError for what dropping would change the answer."""
    dropped = Dropped(chat)
    chat = plain(chat, "Ollama", dropped)
    _check(chat, dropped)
    names: dict[str, str] = {}
    body: dict[str, Any] = {
        "model": upstream_model,
        "messages": [_message(message, index, names) for index, message in enumerate(chat.messages)],
        # Without it Ollama streams.
        "stream": chat.stream,
    }
    if chat.tools and not (chat.tool_choice and chat.tool_choice.mode == "none"):
        body["tools"] = [_tool(tool) for tool in chat.tools]
    if chat.answer_format:
        body["format"] = "json" if chat.answer_format.kind == "json" else chat.answer_format.schema
    if chat.logprobs:
        body["logprobs"] = True
        if chat.extras.get("top_logprobs"):
            body["top_logprobs"] = chat.extras["top_logprobs"]
    options = _options(chat, output_tokens_max)
    if options:
        body["options"] = options
    headers = _STREAM_HEADERS if chat.stream else _HEADERS
    return UpstreamAsk(path=PATH, headers=headers, body=_encode(body), dropped=dropped.told())


def _check(chat: Chat, dropped: Dropped) -> None:
    check_some_output(chat, "Ollama")
    if chat.tools and chat.tool_choice and chat.tool_choice.mode in ("required", "tool"):
        raise UnsupportedError("Ollama cannot be made to call a tool.", "tool_choice")
    if chat.tools and chat.parallel_tool_calls is False:
        raise UnsupportedError("Ollama cannot be held to one tool call at a time.", "parallel_tool_calls")
    drop_extras(chat, "Ollama", _OPTION_EXTRAS | {"top_logprobs"}, dropped)
    drop_from_messages(chat, dropped)
    if any(tool.strict for tool in chat.tools):
        dropped.add("tools[].function.strict")
    if chat.user:
        dropped.add("user")


def _options(chat: Chat, output_tokens_max: int | None) -> dict[str, Any]:
    options: dict[str, Any] = {
        "num_predict": output_limit(chat, output_tokens_max),
        "temperature": chat.temperature,
        "top_p": chat.top_p,
        "seed": chat.seed,
        "stop": list(chat.stop) or None,
    }
    options |= {name: value for name, value in chat.extras.items() if name in _OPTION_EXTRAS}
    return {name: value for name, value in options.items() if value is not None}


def _message(message: Message, index: int, names: dict[str, str]) -> dict[str, Any]:
    """One message. `names` remembers which tool each call went to, because a result names its tool, not only its call."""
    told: dict[str, Any] = {"role": message.role, "content": ""}
    calls: list[dict[str, Any]] = []
    images: list[str] = []
    texts: list[str] = []
    for part in message.parts:
        match part:
            case Text():
                texts.append(part.text)
            case Image():
                if part.url:
                    raise UnsupportedError("Ollama takes images only as base64 data, not as addresses.", f"messages[{index}].content")
                images.append(part.data)
            case Document():
                raise UnsupportedError("Ollama takes no documents, only text and images.", f"messages[{index}].content")
            case ToolCall():
                names[part.id] = part.name
                calls.append({"id": part.id, "function": {"name": part.name, "arguments": arguments_object(part, f"messages[{index}]")}})
            case ToolResult():
                texts.append(part.text)
                told["tool_call_id"] = part.call_id
                if part.call_id in names:
                    told["tool_name"] = names[part.call_id]
    told["content"] = "\n".join(texts)
    if images:
        told["images"] = images
    if calls:
        told["tool_calls"] = calls
    return told


def _tool(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name, "parameters": tool.parameters or {"type": "object", "properties": {}}}
    if tool.description:
        function["description"] = tool.description
    return {"type": "function", "function": function}
