"""What the Messages API refuses, as far as agents and gateways tend to err: a translation that is wrong must not pass here.

After https://platform.claude.com/docs/en/api/messages and .../docs/en/build-with-claude/tool-use; words of the messages after the API.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from orchvynt.scripted.shapes import Json, Refused, mapping, sequence, text_of, whole_number

SIGNATURE: Final = "c2NyaXB0ZWQgdGhvdWdodA=="
"""By which a thought of this provider is known again."""

_NO_SYSTEM_TURNS: Final = re.compile(r"claude-(?:[123](?:\b|[.-])|instant|(?:sonnet|haiku)-4|opus-4-(?:[0-7]\b|\d{8}))")
"""Models from before system turns within a conversation (https://platform.claude.com/docs/en/about-claude/models/whats-new-claude-4-8)."""


def text(message: Mapping[str, Json]) -> str:
    """The text of a turn, of a tool result, or of a system prompt."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    return "".join(text_of(block.get("text")) for block in blocks(message) if block.get("type") == "text")


def blocks(message: Mapping[str, Json]) -> list[dict[str, Json]]:
    return [block for block in sequence(message.get("content")) if isinstance(block, dict)]


def problem(body: Mapping[str, Json], headers: Mapping[str, str]) -> Refused | None:
    """The first thing that the API would refuse, or None."""
    if not headers.get("anthropic-version"):
        return Refused(400, "anthropic-version: header is required")
    if not text_of(body.get("model")):
        return Refused(400, "model: Field required")
    limit = whole_number(body.get("max_tokens"))
    if body.get("max_tokens") is None:
        return Refused(400, "max_tokens: Field required")
    if limit is None or limit < 1:
        return Refused(400, "max_tokens: Input should be greater than or equal to 1")
    messages = body.get("messages")
    if messages is None:
        return Refused(400, "messages: Field required")
    if not isinstance(messages, list) or not messages:
        return Refused(400, "messages: at least one message is required")
    for at, message in enumerate(messages):
        refused = _turn(at, message, messages, str(body["model"]))
        if refused is not None:
            return refused
    last = messages[-1]
    if last["role"] == "assistant" and text(last) != text(last).rstrip():
        return Refused(400, "messages: final assistant content cannot end with trailing whitespace")
    return _pairing(messages) or _tools(body)


def _turn(at: int, message: Json, messages: Sequence[Json], model: str) -> Refused | None:
    if not isinstance(message, dict) or message.get("role") not in {"user", "assistant", "system"}:
        return Refused(400, f"messages.{at}.role: Input should be 'user' or 'assistant'")
    if message["role"] == "system":
        if at == 0:
            return Refused(400, 'messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter')
        if _NO_SYSTEM_TURNS.match(model):
            return Refused(400, "role 'system' is not supported on this model")
        if mapping(messages[at - 1]).get("role") != "user":
            return Refused(400, f"messages.{at}: a system turn has to follow a user turn")
    content = message.get("content")
    if not isinstance(content, str | list):
        return Refused(400, f"messages.{at}.content: Field required")
    if not content and not (message["role"] == "assistant" and at == len(messages) - 1):
        return Refused(400, f"messages.{at}: all messages must have non-empty content except for the optional final assistant message")
    for index, block in enumerate(sequence(content)):
        kind = mapping(block).get("type")
        if not isinstance(kind, str):
            return Refused(400, f"messages.{at}.content.{index}.type: Field required")
        if kind == "text" and not text_of(block.get("text")):
            return Refused(400, "messages: text content blocks must be non-empty")
        if kind == "thinking" and block.get("signature") != SIGNATURE:
            return Refused(400, f"messages.{at}.content.{index}: Invalid `signature` in `thinking` block")
        if kind == "tool_use" and not isinstance(block.get("input"), dict):
            return Refused(400, f"messages.{at}.content.{index}.tool_use.input: Input should be a valid dictionary")
    return None


def _pairing(messages: Sequence[dict[str, Json]]) -> Refused | None:
    """Every tool call is answered in the next turn, and every tool result answers a call of the turn before."""
    called: set[str] = set()
    for at, message in enumerate(messages):
        results = [text_of(block.get("tool_use_id")) for block in blocks(message) if block.get("type") == "tool_result"]
        if called - set(results):
            missing = ", ".join(sorted(called - set(results)))
            what = f"`tool_use` ids were found without `tool_result` blocks immediately after: {missing}"
            return Refused(400, f"messages.{at - 1}: {what}")
        stray = [name for name in results if name not in called]
        if stray:
            what = f"unexpected `tool_use_id` found in `tool_result` blocks: {stray[0]}"
            return Refused(400, f"messages.{at}.content: {what}. Each `tool_result` block must have a corresponding `tool_use` block")
        called = {text_of(block.get("id")) for block in blocks(message) if block.get("type") == "tool_use"}
    if called:
        what = f"`tool_use` ids were found without `tool_result` blocks immediately after: {', '.join(sorted(called))}"
        return Refused(400, f"messages.{len(messages) - 1}: {what}")
    return None


def _tools(body: Mapping[str, Json]) -> Refused | None:
    for at, tool in enumerate(sequence(body.get("tools"))):
        kind = mapping(tool).get("type", "custom")
        if not text_of(mapping(tool).get("name")):
            return Refused(400, f"tools.{at}.{kind}.name: Field required")
        if kind == "custom" and not isinstance(tool.get("input_schema"), dict):
            return Refused(400, f"tools.{at}.custom.input_schema: Field required")
    choice = body.get("tool_choice")
    if choice is not None and (not isinstance(choice, dict) or choice.get("type") not in {"auto", "any", "tool", "none"}):
        return Refused(400, "tool_choice: Input should be an object with `type` auto, any, tool or none")
    if isinstance(choice, dict) and not body.get("tools"):
        return Refused(400, "tool_choice may only be specified while providing tools")
    return None
