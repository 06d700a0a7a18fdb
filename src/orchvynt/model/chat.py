"""The canonical form of a chat: what every dialect can be read into and written from.

A dialect that has to be translated goes through this form; a same-dialect body passes as bytes and never meets it.
What the form does not know stays in `extras`, by its name in the caller's dialect.
"""

from typing import Any, Literal

import msgspec

from orchvynt.model.usage import Usage

Role = Literal["system", "user", "assistant", "tool"]
Finish = Literal["stop", "length", "tool_calls", "content_filter", ""]


class Text(msgspec.Struct, frozen=True, tag="text"):
    text: str


class Image(msgspec.Struct, frozen=True, tag="image"):
    """`url` is an http(s) address, or empty when `data` holds base64 of `media_type`."""

    url: str = ""
    media_type: str = ""
    data: str = ""
    detail: str = ""


class ToolCall(msgspec.Struct, frozen=True, tag="tool_call"):
    """`arguments` is the JSON text as the model wrote it; it may be malformed."""

    id: str
    name: str
    arguments: str


class ToolResult(msgspec.Struct, frozen=True, tag="tool_result"):
    call_id: str
    text: str
    is_error: bool = False


Part = Text | Image | ToolCall | ToolResult


class Message(msgspec.Struct, frozen=True):
    role: Role
    parts: tuple[Part, ...]
    name: str = ""


class Tool(msgspec.Struct, frozen=True):
    """`parameters` is a JSON Schema object."""

    name: str
    description: str = ""
    parameters: dict[str, Any] = {}
    strict: bool | None = None


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

    `dialect` is the caller's: `extras` are in its names.
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


class Reply(msgspec.Struct, frozen=True):
    """One whole answer in canonical form. `id` and `model` are the provider's own. `created_s` is Unix seconds.

    `usage` is None when the provider said nothing.
    """

    id: str
    model: str
    created_s: int
    text: str
    tool_calls: tuple[ToolCall, ...]
    finish: Finish
    usage: Usage | None = None
    refusal: str = ""
    logprobs: tuple[TokenLogprob, ...] = ()
