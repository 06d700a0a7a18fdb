"""A chat completion request in canonical form, and back: only invocations that change dialect come here.

What the canonical form has no field for stays in `extras` under its own name; there each provider's dialect says what it drops
and what it refuses.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from orchvynt.dialects.checks import BODY_ERRORS
from orchvynt.dialects.openai_chat.reading import METADATA_PREFIX
from orchvynt.dialects.openai_chat.wire import AskBody, AskFile, AskMessage, AskPart, AskTool, Schema
from orchvynt.dialects.shapes import UnsupportedError
from orchvynt.dialects.translation import Table
from orchvynt.model.chat import AnswerFormat, Chat, Document, Image, Message, Part, Text, Tool, ToolCall, ToolChoice, ToolResult

CANONICAL_FIELDS: Final = frozenset(
    {
        "model", "messages", "tools", "tool_choice", "parallel_tool_calls", "response_format", "max_tokens", "max_completion_tokens",
        "temperature", "top_p", "stop", "seed", "logprobs", "stream", "stream_options", "user", "metadata", "n",
    }
)  # fmt: skip
"""Fields of the request that the canonical form holds; every other one is an extra."""

REFUSED: Final[Table] = (
    ("content parts of the type input_audio", "no other API takes audio in a chat"),
    ("content parts of the type file with a file_id", "only OpenAI can read its store; inline files go to Anthropic as documents"),
    ("tools and calls of the type custom", "other APIs call functions with JSON only"),
    ("functions, function_call, the role function", "they are deprecated; use tools"),
    ("tool_choice allowed_tools, custom", "no other API has them"),
    ("response_format of other types than text, json_object, json_schema", "no other API has them"),
    ("tool results with other parts than text", "they have no equal"),
)
"""What the canonical form cannot hold, and why."""

_decode = msgspec.json.Decoder(AskBody).decode
_decode_all = msgspec.json.Decoder(dict[str, Any]).decode
_decode_schema = msgspec.json.Decoder(Schema).decode


def chat_from(body: bytes) -> Chat:
    """The canonical form of a body that `read_request` accepted. Raises UnsupportedError."""
    try:
        return _chat(_decode(body), _decode_all(body))
    except BODY_ERRORS as error:
        # `read_request` skips what passes as bytes: a number that no float holds, or nesting at the edge of the stack.
        raise UnsupportedError("The request holds a value that cannot be written in another dialect.", "") from error


def _chat(asked: AskBody, everything: dict[str, Any]) -> Chat:
    extras = {name: value for name, value in everything.items() if name not in CANONICAL_FIELDS and value is not None}
    if asked.n is not None and asked.n > 1:
        extras["n"] = asked.n
    metadata = everything.get("metadata")
    kept = {key: value for key, value in metadata.items() if not key.startswith(METADATA_PREFIX)} if isinstance(metadata, dict) else {}
    if kept:
        extras["metadata"] = kept
    stop = asked.stop
    return Chat(
        model=asked.model,
        messages=tuple(_message(message, index) for index, message in enumerate(asked.messages)),
        tools=tuple(_tool(tool, index) for index, tool in enumerate(asked.tools or ())),
        tool_choice=_tool_choice(everything.get("tool_choice")),
        parallel_tool_calls=asked.parallel_tool_calls,
        answer_format=_answer_format(asked),
        max_output_tokens=asked.max_completion_tokens if asked.max_completion_tokens is not None else asked.max_tokens,
        temperature=asked.temperature,
        top_p=asked.top_p,
        stop=() if stop is None else (stop,) if isinstance(stop, str) else tuple(stop),
        seed=asked.seed,
        logprobs=asked.logprobs is True,
        stream=asked.stream is True,
        user=asked.user or "",
        extras=extras,
    )


def input_text(body: bytes) -> str:
    """All text of the messages of a body that `read_request` accepted, with what they call tools with, joined by newlines."""
    texts: list[str] = []
    for message in _decode(body).messages:
        if isinstance(message.content, str):
            texts.append(message.content)
        elif message.content:
            texts.extend(part.text for part in message.content if part.text)
        if message.refusal:
            texts.append(message.refusal)
        texts.extend(call.function.arguments for call in message.tool_calls or () if call.function is not None)
    return "\n".join(texts)


def _message(message: AskMessage, index: int) -> Message:
    where = f"messages[{index}]"
    if message.role == "function" or message.function_call is not None:
        raise UnsupportedError("The deprecated function calls have no equal in another dialect; use tools.", f"{where}.role")
    parts: list[Part] = []
    if isinstance(message.content, str):
        if message.content or message.role != "assistant":
            parts.append(Text(message.content))
    else:
        parts.extend(_part(part, f"{where}.content[{number}]") for number, part in enumerate(message.content or ()))
    if message.refusal:
        parts.append(Text(message.refusal))
    if message.role == "tool":
        if not all(isinstance(part, Text) for part in parts):
            raise UnsupportedError("A tool result with other parts than text has no equal in another dialect.", f"{where}.content")
        text = "".join(part.text for part in parts if isinstance(part, Text))
        return Message(role="tool", parts=(ToolResult(call_id=message.tool_call_id or "", text=text),), name=message.name or "")
    for number, call in enumerate(message.tool_calls or ()):
        if call.function is None:
            raise UnsupportedError(
                f"A tool call of the type {call.type!r} has no equal in another dialect.", f"{where}.tool_calls[{number}].type"
            )
        parts.append(ToolCall(id=call.id, name=call.function.name, arguments=call.function.arguments))
    return Message(role="system" if message.role == "developer" else message.role, parts=tuple(parts), name=message.name or "")


def _part(part: AskPart, where: str) -> Part:
    if part.type == "text":
        return Text(part.text or "")
    if part.type == "refusal":
        return Text(part.refusal or "")
    if part.type == "file" and part.file is not None:
        return _document(part.file, f"{where}.file")
    if part.type != "image_url" or part.image_url is None:
        raise UnsupportedError(f"A content part of the type {part.type!r} has no equal in another dialect.", f"{where}.type")
    image = part.image_url
    url, detail = (image, "") if isinstance(image, str) else (image.url, image.detail or "")
    if not url.startswith("data:"):
        return Image(url=url, detail=detail)
    inline = _inline(url)
    if inline is None:
        raise UnsupportedError("An inline image must be base64: `data:image/png;base64,…`.", f"{where}.image_url.url")
    return Image(media_type=inline[0] or "image/png", data=inline[1], detail=detail)


def _document(file: AskFile, where: str) -> Document:
    if not file.file_data:
        raise UnsupportedError("Only OpenAI can read files of its own store; send `file_data`.", f"{where}.file_id")
    media_type, data = _inline(file.file_data) or ("", "")
    if not data:
        raise UnsupportedError("An inline file must be base64: `data:application/pdf;base64,…`.", f"{where}.file_data")
    return Document(media_type=media_type, data=data, title=file.filename or "")


def _inline(url: str) -> tuple[str, str] | None:
    """Media type and base64 data of a `data:` address; None for any other."""
    head, comma, data = url.removeprefix("data:").partition(",")
    media_type, *options = head.split(";")
    return (media_type, data) if comma and "base64" in options and url.startswith("data:") else None


def _tool(tool: AskTool, index: int) -> Tool:
    function = tool.function
    if tool.type != "function" or function is None:
        raise UnsupportedError(f"A tool of the type {tool.type!r} has no equal in another dialect.", f"tools[{index}].type")
    raw = bytes(function.parameters)
    parameters: dict[str, Any] = _decode_all(raw) if raw and raw != b"null" else {}
    return Tool(name=function.name, description=function.description or "", parameters=parameters, strict=function.strict)


def _tool_choice(choice: object) -> ToolChoice | None:
    if choice is None:
        return None
    if choice == "auto" or choice == "none" or choice == "required":
        return ToolChoice(mode=choice)
    if isinstance(choice, Mapping) and choice.get("type") == "function":
        function = choice.get("function")
        name = function.get("name") if isinstance(function, Mapping) else None
        if isinstance(name, str) and name:
            return ToolChoice(mode="tool", name=name)
    raise UnsupportedError("This `tool_choice` has no equal in another dialect; use auto, none, required or one function.", "tool_choice")


def _answer_format(asked: AskBody) -> AnswerFormat | None:
    form = asked.response_format
    if form is None or form.type == "text":
        return None
    if form.type == "json_object":
        return AnswerFormat(kind="json")
    if form.type != "json_schema":
        raise UnsupportedError(f"A `response_format` of the type {form.type!r} has no equal in another dialect.", "response_format.type")
    try:
        told = _decode_schema(form.json_schema)
    except msgspec.ValidationError as error:
        raise UnsupportedError("`response_format.json_schema` must hold a `schema` object.", "response_format.json_schema") from error
    # A model reads the description; elsewhere its place is in the schema itself.
    schema = {"description": told.description, **told.schema} if told.description else told.schema
    return AnswerFormat(kind="schema", name=told.name, schema=schema, strict=told.strict)
