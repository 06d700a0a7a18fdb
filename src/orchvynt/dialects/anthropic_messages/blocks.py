"""Canonical parts, tools and choices as Anthropic's content blocks. Of an Anthropic caller's, nothing is lost."""

from typing import Any

from orchvynt.dialects.translation import arguments_object
from orchvynt.model.chat import Document, Foreign, Image, Part, Text, Thinking, Tool, ToolCall, ToolChoice, ToolResult

Json = dict[str, Any]


def block(part: Part, where: str) -> Json | None:
    """One content block; None for what the API refuses: empty text, and a thought that nobody signed. Raises UnsupportedError."""
    match part:
        case Text():
            return {"type": "text", "text": part.text, **part.extras} if part.text else None
        case Image():
            return {"type": "image", "source": _source(part.url, part.media_type, part.data), **part.extras}
        case Document():
            source = _source(part.url, part.media_type, part.data)
            if part.text:
                source = {"type": "text", "media_type": "text/plain", "data": part.text}
            told: Json = {"type": "document", "source": source, **part.extras}
            if part.title:
                told["title"] = part.title
            return told
        case Thinking():
            if part.redacted:
                return {"type": "redacted_thinking", "data": part.redacted}
            return {"type": "thinking", "thinking": part.text, "signature": part.signature} if part.signature else None
        case Foreign():
            return part.value
        case ToolCall():
            return {"type": "tool_use", "id": part.id, "name": part.name, "input": arguments_object(part, where), **part.extras}
        case ToolResult():
            return _result(part, where)


def tool(tool: Tool) -> Json:
    if tool.kind:
        named = {"name": tool.name} if tool.name else {}
        return {"type": tool.kind, **named, **tool.extras}
    told: Json = {"name": tool.name, "input_schema": tool.parameters or {"type": "object", "properties": {}}}
    if tool.description:
        told["description"] = tool.description
    if tool.strict:
        told["strict"] = True
    return told | tool.extras


def tool_choice(choice: ToolChoice | None, parallel: bool | None) -> Json | None:
    mode = choice.mode if choice else "auto"
    if mode == "none":
        return {"type": "none"}
    told: Json = {"type": {"auto": "auto", "required": "any", "tool": "tool"}[mode]}
    if choice and mode == "tool":
        told["name"] = choice.name
    if parallel is False:
        told["disable_parallel_tool_use"] = True
    return told if choice or parallel is False else None


def _source(url: str, media_type: str, data: str) -> Json:
    return {"type": "url", "url": url} if url else {"type": "base64", "media_type": media_type, "data": data}


def _result(part: ToolResult, where: str) -> Json:
    content: object = part.text
    if part.parts:
        content = [told for inner in part.parts if (told := block(inner, where)) is not None]
    result: Json = {"type": "tool_result", "tool_use_id": part.call_id, "content": content, **part.extras}
    if part.is_error:
        result["is_error"] = True
    return result
