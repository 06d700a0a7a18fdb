"""An Anthropic caller's canonical chat as a Messages request again: nothing that the caller said is lost."""

from typing import Any

import msgspec

from orchvynt.dialects.anthropic_messages.blocks import block, tool, tool_choice
from orchvynt.dialects.anthropic_messages.headers import headers
from orchvynt.dialects.anthropic_messages.passing import PATH
from orchvynt.dialects.anthropic_messages.thinking import fitted
from orchvynt.dialects.shapes import UpstreamAsk
from orchvynt.dialects.translation import output_limit
from orchvynt.model.chat import Chat, Message

_encode = msgspec.json.Encoder().encode


def rewrite_request(chat: Chat, upstream_model: str, output_tokens_max: int | None) -> UpstreamAsk:
    """For a chat of the dialect `anthropic_messages`, which always has a limit. Raises UnsupportedError."""
    body: dict[str, Any] = {"model": upstream_model, "max_tokens": output_limit(chat, output_tokens_max)}
    messages = chat.messages
    if messages and messages[0].role == "system":
        body["system"] = _blocks(messages[0], 0)
        messages = messages[1:]
    body["messages"] = _turns(messages)
    choice = tool_choice(chat.tool_choice, chat.parallel_tool_calls)
    options: dict[str, Any] = {
        "tools": [tool(one) for one in chat.tools] or None,
        "tool_choice": choice,
        "stop_sequences": list(chat.stop) or None,
        "temperature": chat.temperature,
        "top_p": chat.top_p,
        "stream": chat.stream or None,
    }
    body.update((name, value) for name, value in options.items() if value is not None)
    body.update(chat.extras)
    if chat.max_output_tokens is not None and "thinking" in body:
        body["thinking"] = fitted(body["thinking"], body["max_tokens"], chat.max_output_tokens)
    if chat.user:
        body["metadata"] = {"user_id": chat.user, **chat.extras.get("metadata", {})}
    if chat.answer_format is not None:
        form = {"type": "json_schema", "schema": chat.answer_format.schema}
        body["output_config"] = {**chat.extras.get("output_config", {}), "format": form}
    return UpstreamAsk(path=PATH, headers=headers(chat.stream, chat.forwarded), body=_encode(body))


def _turns(messages: tuple[Message, ...]) -> list[dict[str, Any]]:
    """Results of tools, and what their turn says beyond them, are one turn again."""
    turns: list[dict[str, Any]] = []
    for index, message in enumerate(messages):
        side = "user" if message.role == "tool" else message.role
        blocks = _blocks(message, index)
        if turns and turns[-1]["role"] == side:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": side, "content": blocks})
    return turns


def _blocks(message: Message, index: int) -> list[dict[str, Any]]:
    where = f"messages[{index}]"
    return [told for part in message.parts if (told := block(part, where)) is not None]
