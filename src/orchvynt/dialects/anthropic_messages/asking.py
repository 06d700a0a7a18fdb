"""The shapes of a Messages request that OrchVynt looks at; whatever else a body holds is skipped and passes as it is.

Source: the request types of the official SDK (`MessageCreateParams`, `ContentBlockParam`, `ToolUnionParam`).
"""

from typing import Annotated, Final, Literal

import msgspec

TOKENS_MAX: Final = 2**31 - 1

# 0 asks for no answer: it only warms the prompt cache.
Limit = Annotated[int, msgspec.Meta(ge=0, le=TOKENS_MAX)]
ModelName = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
Role = Literal["user", "assistant", "system"]
NOTHING: Final = msgspec.Raw()


class AskSource(msgspec.Struct, gc=False):
    """Where the bytes of an image or document are: `base64`, `url`, `text`, `content` or `file`."""

    type: str
    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    content: "str | list[AskBlock] | None" = None


class AskBlock(msgspec.Struct):
    """One content block of any type. The `source` of a search result is a text; the `content` of some results is one block."""

    type: str
    text: str | None = None
    source: AskSource | str | None = None
    id: str | None = None
    name: str | None = None
    input: msgspec.Raw = NOTHING
    tool_use_id: str | None = None
    content: "str | list[AskBlock] | AskBlock | None" = None
    thinking: str | None = None
    data: str | None = None
    citations: msgspec.Raw = NOTHING


class AskMessage(msgspec.Struct):
    role: Role
    content: str | list[AskBlock]


class AskTool(msgspec.Struct, gc=False):
    """A tool of the caller's own has no type, or `custom`; others are defined or carried out by Anthropic."""

    name: Name | None = None
    type: str | None = None
    input_schema: msgspec.Raw = NOTHING


class AskChoice(msgspec.Struct, gc=False):
    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None


class AskOutput(msgspec.Struct, gc=False):
    format: msgspec.Raw = NOTHING


class CountBody(msgspec.Struct, kw_only=True):
    """The body of `count_tokens`."""

    model: ModelName
    messages: list[AskMessage]
    max_tokens: Limit | None = None
    stream: bool | None = None
    system: str | list[AskBlock] | None = None
    tools: list[AskTool] | None = None
    tool_choice: AskChoice | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop_sequences: list[str] | None = None
    service_tier: str | None = None
    speed: str | None = None
    inference_geo: str | None = None
    output_config: AskOutput | None = None
    output_format: msgspec.Raw = NOTHING
    thinking: msgspec.Raw = NOTHING
    mcp_servers: msgspec.Raw = NOTHING
    container: msgspec.Raw = NOTHING
    metadata: msgspec.Raw = NOTHING


class AskBody(CountBody, kw_only=True):
    """The body of a request for a message, which must say a limit."""

    max_tokens: Limit


def is_said(raw: msgspec.Raw) -> bool:
    """Whether a field is there and holds something."""
    return bytes(raw) not in (b"", b"null", b"[]", b"{}")
