"""A canonical chat without what only the provider of the caller's own dialect takes, for a provider of another.

What does not change what is asked for is left out and named; anything else is refused. What is left holds parts of four kinds only:
text, images, tool calls and their results.
"""

from collections.abc import Collection
from typing import Any, Final

import msgspec

from orchvynt.dialects.shapes import UnsupportedError
from orchvynt.dialects.translation import Dropped, Table
from orchvynt.model.chat import Chat, Document, Foreign, Image, Message, Part, Text, Thinking, Tool, ToolCall, ToolResult

THOUGHTS: Final = "messages[].content[].thinking"

PARTS_DROPPED: Final[Table] = (
    ("cache_control", "it concerns Anthropic's caches"),
    ("citations", "the quotes behind an earlier answer; its text stays"),
    ("caller", "it says who at Anthropic called a tool; the call stays"),
    (THOUGHTS, "thoughts of earlier turns; only the provider that signed them takes them back"),
    ("input_examples", "examples of a tool's input; its schema stays"),
    ("eager_input_streaming", "it concerns how Anthropic streams"),
    ("defer_loading", "it concerns when Anthropic loads a tool; here all are there"),
)
"""What parts, tools and turns may have beyond the canonical form, and why it can be left out."""

PARTS_REFUSED: Final[Table] = (
    ("documents that are no text", "no other API takes them in the same form, but for an inline PDF, which OpenAI takes"),
    ("citations of documents", "no other API gives them"),
    ("images and documents in tool results", "the other APIs take only text there"),
    ("tools that Anthropic defines or carries out, and what they gave", "no other provider has them"),
    ("images and documents of Anthropic's file store", "no other provider can read it"),
)

_DROPPED: Final = frozenset(name for name, _ in PARTS_DROPPED)
_NEUTRAL: Final[dict[str, tuple[object, ...]]] = {
    "citations": ({"enabled": False},),
    "allowed_callers": (["direct"],),
    "defer_loading": (False,),
}


def plain(chat: Chat, provider: str, dropped: Dropped, takes: Collection[str] = ()) -> Chat:
    """The chat as `provider` can take it; `dropped` hears what is left out. Raises UnsupportedError for what must not be.

    `takes` are the media types of inline documents that the provider reads.
    """
    return chat if chat.dialect == "openai_chat" else _Plainly(provider, dropped, takes).chat(chat)


class _Plainly:
    """One chat made plain for one provider."""

    __slots__ = ("_dropped", "_provider", "_takes")

    def __init__(self, provider: str, dropped: Dropped, takes: Collection[str]) -> None:
        self._takes = takes
        self._provider = provider
        self._dropped = dropped

    def chat(self, chat: Chat) -> Chat:
        messages = tuple(plain for message in chat.messages if (plain := self._message(message)) is not None)
        return msgspec.structs.replace(chat, messages=messages, tools=tuple(self._tool(tool) for tool in chat.tools))

    def _message(self, message: Message) -> Message | None:
        """None for a turn of nothing but thoughts."""
        parts = tuple(plain for part in message.parts if (plain := self._part(part)) is not None)
        if not parts and message.parts:
            return None
        return msgspec.structs.replace(message, parts=parts)

    def _part(self, part: Part) -> Part | None:
        match part:
            case Thinking():
                self._dropped.add(THOUGHTS)
                return None
            case Foreign():
                raise self._unsupported(f"content of the type `{part.kind}`", f"messages[].content[].{part.kind}")
            case Document():
                return self._document(part)
            case ToolResult():
                return self._result(part)
            case Text() | Image() | ToolCall():
                return self._extended(part)

    def _extended(self, part: Text | Image | ToolCall) -> Part:
        self._extras(part.extras, "messages[].content[]")
        return msgspec.structs.replace(part, extras={}) if part.extras else part

    def _result(self, result: ToolResult) -> ToolResult:
        for inner in result.parts:
            if not isinstance(inner, Text):
                raise self._unsupported("anything but text in a tool result", "messages[].content[].tool_result.content")
            self._extras(inner.extras, "messages[].content[].tool_result.content[]")
        self._extras(result.extras, "messages[].content[]")
        return msgspec.structs.replace(result, parts=(), extras={}) if result.parts or result.extras else result

    def _document(self, document: Document) -> Text | Document:
        extras = dict(document.extras)
        context = extras.pop("context", None)
        if isinstance(extras.get("citations"), dict) and extras["citations"].get("enabled"):
            raise self._unsupported("citations", "messages[].content[].document.citations")
        if document.data and document.media_type in self._takes and not context:
            self._extras(extras, "messages[].content[].document")
            return msgspec.structs.replace(document, extras={})
        if not document.text:
            raise self._unsupported("a document that is no text", "messages[].content[].document.source")
        self._extras(extras, "messages[].content[].document")
        return Text("\n\n".join(said for said in (document.title, context, document.text) if isinstance(said, str) and said))

    def _tool(self, tool: Tool) -> Tool:
        if tool.kind:
            raise self._unsupported(f"tools of the type `{tool.kind}`", "tools[].type")
        self._extras(tool.extras, "tools[]")
        return msgspec.structs.replace(tool, extras={}) if tool.extras else tool

    def _extras(self, extras: dict[str, Any], where: str) -> None:
        for name, value in extras.items():
            if value in _NEUTRAL.get(name, ()):
                continue
            if name not in _DROPPED:
                raise self._unsupported(f"`{name}`", f"{where}.{name}")
            self._dropped.add(name)

    def _unsupported(self, what: str, param: str) -> UnsupportedError:
        return UnsupportedError(f"{self._provider} has no equal for {what}, and without it the answer may be another.", param)
