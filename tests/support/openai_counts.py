"""What OpenAI counts for a chat, by its own published recipe and by what others found it to send. The witness for our counts."""

import json
from collections.abc import Callable
from typing import Any

Encode = Callable[[str], int]

# https://cookbook.openai.com/examples/how_to_count_tokens_with_tiktoken, figures of gpt-4o and gpt-4.
FUNCTION, PROPERTIES, PROPERTY, ENUM, ENUM_ITEM, FUNCTIONS_END = 7, 3, 3, -3, 3, 12


def messages_count(messages: list[dict[str, Any]], encode: Encode) -> int:
    """3 a message and 3 for the answer, every text counted for itself."""
    total = 3
    for message in messages:
        total += 3 + encode(message["role"])
        content = message.get("content")
        if isinstance(content, str):
            total += encode(content)
        for part in content if isinstance(content, list) else ():
            total += encode(part.get("text", ""))
        if message.get("name"):
            total += 1 + encode(message["name"])
        for call in message.get("tool_calls") or ():
            total += encode(call["function"]["name"]) + encode(call["function"]["arguments"]) + 3
    return total


def tools_count(tools: list[dict[str, Any]], encode: Encode) -> int:
    """The cookbook's `num_tokens_for_tools`, without the messages."""
    total = FUNCTIONS_END if tools else 0
    for tool in tools:
        function = tool["function"]
        total += FUNCTION + encode(f"{function['name']}:{function.get('description', '').rstrip('.')}")
        properties = function.get("parameters", {}).get("properties", {})
        total += PROPERTIES if properties else 0
        for name, schema in properties.items():
            total += PROPERTY
            for item in schema.get("enum", ()):
                total += ENUM_ITEM + encode(str(item))
            total += ENUM if "enum" in schema else 0
            total += encode(f"{name}:{schema.get('type', '')}:{str(schema.get('description', '')).rstrip('.')}")
    return total


def as_namespace(tools: list[dict[str, Any]]) -> str:
    """The TypeScript in which tools reach a model (hmarr.com/blog/counting-openai-tokens, openai/harmony)."""
    lines = ["# Tools", "", "## functions", "", "namespace functions {", ""]
    for tool in tools:
        function = tool["function"]
        lines += _comment(function.get("description"), "")
        parameters = function.get("parameters") or {}
        if parameters.get("properties"):
            lines += [f"type {function['name']} = (_: {{", *_properties(parameters, ""), "}) => any;", ""]
        else:
            lines += [f"type {function['name']} = () => any;", ""]
    return "\n".join([*lines, "} // namespace functions"])


def _properties(schema: dict[str, Any], indent: str) -> list[str]:
    lines = []
    for name, inner in schema.get("properties", {}).items():
        lines += _comment(inner.get("description"), indent)
        mark = "" if name in schema.get("required", ()) else "?"
        default = f" // default: {json.dumps(inner['default'])}" if "default" in inner else ""
        lines.append(f"{indent}{name}{mark}: {_type(inner, indent)},{default}")
    return lines


def _type(schema: dict[str, Any], indent: str) -> str:
    if "enum" in schema:
        return " | ".join(json.dumps(item, ensure_ascii=False) for item in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(_type(inner, indent) for inner in schema["anyOf"])
    kind = schema.get("type")
    if kind == "array":
        return f"{_type(schema.get('items', {}), indent)}[]"
    if kind == "object":
        if not schema.get("properties"):
            return "object"
        return "\n".join(["{", *_properties(schema, indent + "  "), f"{indent}}}"])
    return {"integer": "number", None: "any"}.get(kind, str(kind))


def _comment(text: str | None, indent: str) -> list[str]:
    return [f"{indent}// {line}" for line in text.split("\n")] if text else []
