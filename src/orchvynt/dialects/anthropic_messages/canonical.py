"""A Messages request in canonical form: only invocations that change dialect, or that go on with a broken answer, come here.

What the canonical form has no field for stays in `extras` under its own name, that of a part in the part's own.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from orchvynt.dialects.anthropic_messages.asking import AskSource, CountBody
from orchvynt.dialects.anthropic_messages.reading import METADATA_PREFIX
from orchvynt.dialects.checks import BODY_ERRORS
from orchvynt.dialects.shapes import UnsupportedError
from orchvynt.model.chat import (
    AnswerFormat,
    Chat,
    Document,
    Foreign,
    Image,
    Message,
    Part,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from orchvynt.model.invocation import Ask

NAME: Final = "anthropic_messages"
CANONICAL_FIELDS: Final = frozenset(
    {
        "model", "messages", "system", "tools", "tool_choice", "output_config", "output_format", "max_tokens", "temperature", "top_p",
        "stop_sequences", "stream", "metadata",
    }
)  # fmt: skip
"""Fields of the request that the canonical form holds; every other one is an extra."""

Json = dict[str, Any]

_decode = msgspec.json.Decoder(Json).decode
_decode_text = msgspec.json.Decoder(CountBody).decode
_encode = msgspec.json.Encoder().encode


def chat_from(ask: Ask) -> Chat:
    """The canonical form of a request that `read_request` accepted. Raises UnsupportedError."""
    try:
        return _chat(_decode(ask.body), ask)
    except BODY_ERRORS as error:
        raise UnsupportedError("The request holds a value that cannot be written in another dialect.", "") from error


def input_text(body: bytes) -> str:
    """All text of the system prompt and the messages, with what they call tools with, joined by newlines."""
    # Read as the request was: a field that nobody knows may hold a number that no float can.
    asked = _decode_text(body)
    texts: list[str] = []
    for content in (asked.system, *(message.content for message in asked.messages)):
        if isinstance(content, str):
            texts.append(content)
        for block in content if isinstance(content, list) else ():
            if block.type == "text":
                texts.append(block.text or "")
            elif block.type == "tool_result":
                texts.append(block.content if isinstance(block.content, str) else _texts(block.content))
            elif block.type == "tool_use":
                texts.append(bytes(block.input).decode())
            elif isinstance(block.source, AskSource) and block.source.type == "text":
                texts.append(block.source.data or "")
    return "\n".join(texts)


def _texts(content: object) -> str:
    """The text blocks of a tool result's content."""
    blocks = content if isinstance(content, list) else ()
    return "".join(block.text or "" for block in blocks if block.type == "text")


def result_text(content: object) -> str:
    """All text of a tool result's content."""
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else ()
    return "".join(block["text"] for block in blocks if block.get("type") == "text" and isinstance(block.get("text"), str))


def _chat(asked: Json, ask: Ask) -> Chat:
    extras = {name: value for name, value in asked.items() if name not in CANONICAL_FIELDS and value is not None}
    metadata: Json = {key: value for key, value in (asked.get("metadata") or {}).items() if not key.startswith(METADATA_PREFIX)}
    user = metadata.pop("user_id", None)
    if metadata:
        extras["metadata"] = metadata
    output: Json = dict(asked.get("output_config") or {})
    form = output.pop("format", None) or asked.get("output_format")
    if output:
        extras["output_config"] = output
    choice: Json = asked.get("tool_choice") or {}
    parallel = choice.get("disable_parallel_tool_use")
    return Chat(
        model=ask.requested_model,
        messages=tuple(_messages(asked)),
        tools=tuple(_tool(tool) for tool in asked.get("tools") or ()),
        tool_choice=_tool_choice(choice) if choice else None,
        parallel_tool_calls=None if parallel is None else not parallel,
        answer_format=_answer_format(form) if form else None,
        max_output_tokens=ask.max_output_tokens,
        temperature=asked.get("temperature"),
        top_p=asked.get("top_p"),
        stop=tuple(asked.get("stop_sequences") or ()),
        stream=ask.stream,
        user=user if isinstance(user, str) else "",
        extras=extras,
        dialect=NAME,
        forwarded=ask.forwarded,
    )


def _messages(asked: Json) -> list[Message]:
    """The turns in order, the system prompt first. A tool result is a message of its own, before what else its turn says."""
    messages: list[Message] = []
    if asked.get("system"):
        messages.append(Message(role="system", parts=_parts(asked["system"])))
    for turn in asked["messages"]:
        parts = _parts(turn["content"])
        messages += [Message(role="tool", parts=(part,)) for part in parts if isinstance(part, ToolResult)]
        said = tuple(part for part in parts if not isinstance(part, ToolResult))
        if said or not parts:
            messages.append(Message(role=turn["role"], parts=said))
    return messages


def _parts(content: str | list[Json]) -> tuple[Part, ...]:
    return (Text(content),) if isinstance(content, str) else tuple(_part(block) for block in content)


def _part(block: Json) -> Part:
    kind = block["type"]
    match kind:
        case "text":
            return Text(block["text"], extras=_rest(block, "text"))
        case "thinking":
            return Thinking(block["thinking"], _text(block.get("signature")))
        case "redacted_thinking":
            return Thinking(redacted=block["data"])
        case "tool_use":
            return ToolCall(block["id"], block["name"], _encode(block["input"]).decode(), extras=_rest(block, "id", "name", "input"))
        case "tool_result":
            return _result(block)
        case "image":
            return _image(block)
        case "document":
            return _document(block)
        case _:
            return Foreign(kind, block)


def _result(block: Json) -> ToolResult:
    content = block.get("content")
    parts: tuple[Any, ...] = ()
    if isinstance(content, list) and any(inner.get("type") != "text" or len(inner) > 2 for inner in content):
        parts = tuple(_part(inner) for inner in content)
    return ToolResult(
        call_id=block["tool_use_id"],
        text=result_text(content),
        is_error=block.get("is_error") is True,
        parts=parts,
        extras=_rest(block, "tool_use_id", "content", "is_error"),
    )


def _image(block: Json) -> Part:
    source: Json = block["source"]
    extras = _rest(block, "source")
    if source["type"] == "base64":
        return Image(media_type=_text(source.get("media_type")), data=source["data"], extras=extras)
    return Image(url=source["url"], extras=extras) if source["type"] == "url" else Foreign("image", block)


def _document(block: Json) -> Part:
    source: Json = block["source"]
    title, extras = _text(block.get("title")), _rest(block, "source", "title")
    match source["type"]:
        case "base64":
            return Document(media_type=_text(source.get("media_type")), data=source["data"], title=title, extras=extras)
        case "text":
            return Document(media_type="text/plain", text=source["data"], title=title, extras=extras)
        case "url":
            return Document(url=source["url"], title=title, extras=extras)
        case _:
            return Foreign("document", block)


def _tool(tool: Json) -> Tool:
    kind = tool.get("type") or "custom"
    if kind != "custom":
        return Tool(name=_text(tool.get("name")), kind=kind, extras=_rest(tool, "name"))
    return Tool(
        name=tool["name"],
        description=_text(tool.get("description")),
        parameters=tool["input_schema"],
        strict=tool.get("strict"),
        extras=_rest(tool, "name", "description", "input_schema", "strict"),
    )


def _tool_choice(choice: Mapping[str, Any]) -> ToolChoice:
    match choice["type"]:
        case "any":
            return ToolChoice(mode="required")
        case "tool":
            return ToolChoice(mode="tool", name=choice["name"])
        case "none":
            return ToolChoice(mode="none")
        case _:
            return ToolChoice(mode="auto")


def _answer_format(form: Json) -> AnswerFormat:
    if form.get("type") != "json_schema" or not isinstance(form.get("schema"), dict):
        raise UnsupportedError("Only a format of the type json_schema, with its schema, has an equal elsewhere.", "output_config.format")
    return AnswerFormat(kind="schema", schema=form["schema"], strict=True)


def _rest(block: Json, *known: str) -> Json:
    return {name: value for name, value in block.items() if name not in known and name != "type" and value is not None}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
