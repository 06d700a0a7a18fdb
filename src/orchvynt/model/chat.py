"""The canonical form of a chat: what every dialect can be read into and written from.

A dialect that has to be translated goes through this form; a same-dialect body passes as bytes and meets it only where a broken
answer is continued. What the form does not know stays in `extras`, by its name in the caller's dialect (`Chat.dialect`).
"""

from typing import Any, Literal

import msgspec

from orchvynt.model.usage import Usage

Role = Literal["system", "user", "assistant", "tool"]
Finish = Literal["stop", "length", "tool_calls", "content_filter", ""]


class Text(msgspec.Struct, frozen=True, tag="text"):
    """`extras`, here and below: what the caller's dialect says of this part beyond the form, such as `cache_control`."""

    text: str
    extras: dict[str, Any] = {}


class Image(msgspec.Struct, frozen=True, tag="image"):
    """`url` is an http(s) address, or empty when `data` holds base64 of `media_type`."""

    url: str = ""
    media_type: str = ""
    data: str = ""
    detail: str = ""
    extras: dict[str, Any] = {}


class Document(msgspec.Struct, frozen=True, tag="document"):
    """A file to read: `text`, or base64 `data` of `media_type`, or an http(s) address."""

    url: str = ""
    media_type: str = ""
    data: str = ""
    text: str = ""
    title: str = ""
    extras: dict[str, Any] = {}


class Thinking(msgspec.Struct, frozen=True, tag="thinking"):
    """What a model thought before it answered. `signature` is its provider's proof, `redacted` the thought where that is sealed.

    Only the provider that signed it takes it back; it is no content.
    """

    text: str = ""
    signature: str = ""
    redacted: str = ""


class Foreign(msgspec.Struct, frozen=True, tag="foreign"):
    """A part that only the caller's own dialect has, such as the result of a search that its provider made; JSON as it came."""

    kind: str
    value: dict[str, Any]


class ToolCall(msgspec.Struct, frozen=True, tag="tool_call"):
    """`arguments` is the JSON text as the model wrote it; it may be malformed. Of a `custom` tool, which only OpenAI's API has, it is
    any text."""

    id: str
    name: str
    arguments: str
    extras: dict[str, Any] = {}
    custom: bool = False


class ToolResult(msgspec.Struct, frozen=True, tag="tool_result"):
    """`text` is all text of the result. `parts` is set where it has other parts as well, and then holds all of them."""

    call_id: str
    text: str
    is_error: bool = False
    parts: tuple[Text | Image | Document | Foreign, ...] = ()
    extras: dict[str, Any] = {}


Part = Text | Image | Document | Thinking | Foreign | ToolCall | ToolResult


class Message(msgspec.Struct, frozen=True):
    """`is_open` marks a last assistant turn that the answer goes on with."""

    role: Role
    parts: tuple[Part, ...]
    name: str = ""
    is_open: bool = False


class Tool(msgspec.Struct, frozen=True):
    """`parameters` is a JSON Schema object. `kind` is set for a tool that the provider defines or carries out itself, such as
    `web_search_20250305`; `extras` then say how."""

    name: str
    description: str = ""
    parameters: dict[str, Any] = {}
    strict: bool | None = None
    kind: str = ""
    extras: dict[str, Any] = {}


class ToolChoice(msgspec.Struct, frozen=True):
    """`mode` is auto, none, required, or `tool` with the `name` of the one that must be called."""

    mode: Literal["auto", "none", "required", "tool"]
    name: str = ""


class AnswerFormat(msgspec.Struct, frozen=True):
    """`kind` json: any JSON object; `schema`: JSON that matches `schema`."""

    kind: Literal["json", "schema"]
    name: str = ""
    schema: dict[str, Any] = {}
    strict: bool | None = None


class TokenLogprob(msgspec.Struct, frozen=True):
    """How likely a token of an answer was, as a natural logarithm, and which others were likely in its place (they have no others)."""

    token: str
    logprob: float
    bytes: tuple[int, ...] | None = None
    top_logprobs: "tuple[TokenLogprob, ...]" = ()


class Chat(msgspec.Struct, frozen=True):
    """One request of an agent in canonical form. Absent options are None and are not sent.

    `dialect` is the caller's: `extras`, those of the parts too, are in its names. `forwarded` are header fields of the caller that a
    provider of the same dialect is sent.
    """

    model: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    answer_format: AnswerFormat | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    logprobs: bool = False
    stream: bool = False
    user: str = ""
    extras: dict[str, Any] = {}
    dialect: str = "openai_chat"
    forwarded: tuple[tuple[str, str], ...] = ()


class Reply(msgspec.Struct, frozen=True):
    """One whole answer in canonical form. `id` and `model` are the provider's own. `created_s` is Unix seconds.

    `usage` is None when the provider said nothing. `stop_sequence` is the one that ended it, where the provider says which.
    """

    id: str
    model: str
    created_s: int
    text: str
    tool_calls: tuple[ToolCall, ...]
    finish: Finish
    usage: Usage | None = None
    refusal: str = ""
    thoughts: tuple[Thinking, ...] = ()
    stop_sequence: str = ""
    logprobs: tuple[TokenLogprob, ...] = ()
