"""Requests to `/api/chat` and `/api/generate` in canonical form: only invocations that change dialect come here.

Options and fields that the canonical form does not hold stay in `extras` under Ollama's names, options beside fields; no two of them
have one name. There each provider's dialect says what it drops and what it refuses.
"""

from typing import Any, Final

import msgspec

from orchvynt.dialects.checks import BODY_ERRORS
from orchvynt.dialects.ollama_chat.asking import AskBody, AskMessage, AskTool, ChatAsk, GenerateAsk, decode_chat, decode_generate
from orchvynt.dialects.ollama_chat.wire import arguments_text
from orchvynt.dialects.shapes import UnsupportedError
from orchvynt.dialects.translation import Table
from orchvynt.model.chat import AnswerFormat, Chat, Image, Message, Part, Role, Text, Tool, ToolCall, ToolResult

GENERATE_ONLY: Final[Table] = (
    ("raw", "only an Ollama leaves a prompt without a template"),
    ("template", "only an Ollama takes a template from its caller"),
    ("context", "it is a conversation as tokens of one model"),
    ("suffix", "only an Ollama fills in before a text"),
)
"""What `/api/generate` can ask of an Ollama only, and why nobody else is asked."""

REFUSED: Final[Table] = (
    *GENERATE_ONLY,
    ("messages of other roles than system, developer, user, assistant, tool", "what they mean is the model's own affair"),
    ("images of messages of the role tool", "the form has text there"),
    ("images that are no PNG, JPEG, GIF or WebP", "another API must be told what they are"),
    ("messages of the role tool that answer no open call", "another API must be told which call it was"),
)
"""What of a request has no canonical form, and why."""

_FIELDS: Final = frozenset(
    {"model", "messages", "tools", "format", "options", "stream", "logprobs", "top_logprobs", "prompt", "system", "images"}
    | {name for name, _ in GENERATE_ONLY}
)
_OPTIONS: Final = frozenset({"num_predict", "temperature", "top_p", "seed", "stop"})
_ROLES: Final[dict[str, Role]] = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
_IMAGE_TYPES: Final = (("iVBORw0KGgo", "image/png"), ("/9j/", "image/jpeg"), ("R0lGOD", "image/gif"), ("UklGR", "image/webp"))
"""How base64 of each format begins."""

_decode_all = msgspec.json.Decoder(dict[str, Any]).decode


def chat_from(body: bytes) -> Chat:
    """The canonical form of a body that `read_chat` accepted. Raises UnsupportedError."""
    try:
        asked, everything = decode_chat(body), _decode_all(body)
    except BODY_ERRORS as error:
        raise _unwritable() from error
    return _chat(asked, everything, _messages(asked), tuple(_tool(tool) for tool in asked.tools or ()))


def generate_from(body: bytes) -> Chat:
    """The same for `read_generate`: one turn of the user, behind the system's. Raises UnsupportedError."""
    try:
        asked, everything = decode_generate(body), _decode_all(body)
    except BODY_ERRORS as error:
        raise _unwritable() from error
    for name, why in GENERATE_ONLY:
        if everything.get(name):
            raise UnsupportedError(f"`{name}` has no equal in another dialect: {why}.", name)
    turn = Message(role="user", parts=(Text(asked.prompt), *_images(asked.images, "images")))
    system = (Message(role="system", parts=(Text(asked.system),)),) if asked.system else ()
    return _chat(asked, everything, (*system, turn), ())


def chat_text(body: bytes) -> str:
    """All text of the messages of a body that `read_chat` accepted, with what they call tools with, joined by newlines."""
    texts: list[str] = []
    for message in decode_chat(body).messages:
        if message.content:
            texts.append(message.content)
        texts.extend(bytes(call.function.arguments).decode() for call in message.tool_calls or ())
    return "\n".join(text for text in texts if text)


def generate_text(body: bytes) -> str:
    """All text of a body that `read_generate` accepted that a model reads, joined by newlines."""
    asked: GenerateAsk = decode_generate(body)
    return "\n".join(text for text in (asked.system, asked.template, asked.prompt, asked.suffix) if text)


def _chat(asked: AskBody, everything: dict[str, Any], messages: tuple[Message, ...], tools: tuple[Tool, ...]) -> Chat:
    told = everything.get("options") or {}
    extras = {name: value for name, value in everything.items() if name not in _FIELDS and value is not None}
    extras |= {name: value for name, value in told.items() if name not in _OPTIONS and value is not None}
    if asked.logprobs and asked.top_logprobs:
        extras["top_logprobs"] = asked.top_logprobs
    options = asked.options
    limit = options.num_predict if options is not None else None
    stop = options.stop if options is not None else None
    return Chat(
        model=asked.model,
        messages=messages,
        tools=tools,
        answer_format=_answer_format(everything.get("format")),
        max_output_tokens=limit if limit is not None and limit > 0 else None,
        temperature=options.temperature if options is not None else None,
        top_p=options.top_p if options is not None else None,
        stop=() if stop is None else (stop,) if isinstance(stop, str) else tuple(stop),
        seed=options.seed if options is not None else None,
        logprobs=asked.logprobs is True,
        stream=asked.stream is not False,
        extras=extras,
        dialect="ollama_chat",
    )


def _messages(asked: ChatAsk) -> tuple[Message, ...]:
    """Calls and results find each other by ids elsewhere. Those that have none (the official SDK sends none back) get one of their
    place, and a result belongs to the first call of its tool that has no result yet."""
    open_calls: list[tuple[str, str]] = []
    messages: list[Message] = []
    for index, message in enumerate(asked.messages):
        where = f"messages[{index}]"
        role = _ROLES.get(message.role.lower())
        if role is None:
            raise UnsupportedError(f"The role {message.role!r} has no equal in another dialect.", f"{where}.role")
        if role == "tool":
            if message.images:
                raise UnsupportedError("An image in a tool result has no equal in another dialect.", f"{where}.images")
            part = ToolResult(call_id=_call_of(message, open_calls, where), text=message.content or "")
            messages.append(Message(role="tool", parts=(part,)))
            continue
        parts: list[Part] = [Text(message.content or "")] if message.content or role != "assistant" else []
        parts += _images(message.images, f"{where}.images")
        for number, call in enumerate(message.tool_calls or ()):
            known = call.id or f"call_{index}_{number}"
            open_calls.append((known, call.function.name))
            arguments = call.function.arguments
            text = "{}" if bytes(arguments) == b"null" else arguments_text(arguments)
            parts.append(ToolCall(id=known, name=call.function.name, arguments=text))
        messages.append(Message(role=role, parts=tuple(parts)))
    return tuple(messages)


def _call_of(message: AskMessage, open_calls: list[tuple[str, str]], where: str) -> str:
    """The id of the call that a result answers; the call is closed by it."""
    for place, (known, name) in enumerate(open_calls):
        if message.tool_call_id == known if message.tool_call_id else message.tool_name in (name, None, ""):
            del open_calls[place]
            return known
    named = message.tool_call_id or message.tool_name
    said = f"The tool result of {named!r}" if named else "This tool result"
    raise UnsupportedError(f"{said} answers no call that is still open, which another dialect needs.", f"{where}.tool_name")


def _images(images: list[str] | None, where: str) -> list[Image]:
    found: list[Image] = []
    for index, image in enumerate(images or ()):
        data = image.replace("\n", "").replace("\r", "")
        media = next((media for start, media in _IMAGE_TYPES if data.startswith(start)), "")
        if not media:
            said = "The image is no PNG, JPEG, GIF or WebP, and another dialect must be told what it is."
            raise UnsupportedError(said, f"{where}[{index}]")
        found.append(Image(media_type=media, data=data))
    return found


def _tool(tool: AskTool) -> Tool:
    raw = bytes(tool.function.parameters)
    parameters: dict[str, Any] = _decode_all(raw) if raw and raw != b"null" else {}
    return Tool(name=tool.function.name, description=tool.function.description or "", parameters=parameters)


def _answer_format(form: object) -> AnswerFormat | None:
    if isinstance(form, dict):
        return AnswerFormat(kind="schema", schema=form)
    return AnswerFormat(kind="json") if form else None


def _unwritable() -> UnsupportedError:
    # `read` skips what passes as bytes: a number that no float holds, or nesting at the edge of the stack.
    return UnsupportedError("The request holds a value that cannot be written in another dialect.", "")
