"""Writes a canonical chat as a request of the Messages API: turns merged, system text apart, tools and schema in its own words."""

import re
from typing import Any, Final

import msgspec

from orchvynt.dialects.anthropic_messages.blocks import block, tool, tool_choice
from orchvynt.dialects.anthropic_messages.headers import headers
from orchvynt.dialects.anthropic_messages.passing import PATH
from orchvynt.dialects.anthropic_messages.rewriting import rewrite_request
from orchvynt.dialects.shapes import UnsupportedError, UpstreamAsk
from orchvynt.dialects.translation import SERVICE_DROPPED, check_extras, output_limit
from orchvynt.model.chat import Chat, Message, Text

OWN: Final = "anthropic_messages"

MAX_TOKENS_UNKNOWN: Final = 4096
"""The API demands a limit. The runtime gives one always; this one stands where nobody did."""

DROPPED: Final[tuple[tuple[str, str], ...]] = (
    ("messages[].name", "the API has no names of participants"),
    ("messages (system)", "system and developer messages anywhere are gathered, in order, in `system`"),
    ("messages (empty text)", "the API refuses empty text blocks; a turn of nothing else is left out"),
    ("image_url.detail", "the API has no such choice"),
    ("response_format.json_schema.name, .strict", "a schema has no name there, and is always strict"),
    ("temperature", "above 1 it is sent as 1, the API's maximum; Claude 4.7 and later refuse it, so it is left out"),
    ("top_p", "left out beside `temperature`, because newer models refuse the pair; Claude 4.7 and later refuse it alone too"),
    ("seed", "the API has none"),
    ("presence_penalty, frequency_penalty", "the API has none"),
    *SERVICE_DROPPED,
)
"""What is left out on the way, and why. It changes how an answer is sampled, stored or served, never what was asked for."""

_KNOWN_EXTRAS: Final = frozenset({"presence_penalty", "frequency_penalty", "top_k"})

# Claude 4.7 and later, the 5 series and its named relatives refuse sampling parameters (platform.claude.com, model migration guide).
_NO_SAMPLING: Final = re.compile(r"claude-(?:[a-z]+-)?(?:4[-.](?:[7-9]|\d\d(?!\d))|[5-9]|\d\d(?!\d))(?:\D|$)|claude-(?:fable|mythos)")

_encode = msgspec.json.Encoder().encode


def write_request(chat: Chat, upstream_model: str, output_tokens_max: int | None) -> UpstreamAsk:
    """The request for a canonical chat. Raises UnsupportedError for what dropping would change the answer."""
    if chat.dialect == OWN:
        return rewrite_request(chat, upstream_model, output_tokens_max)
    _check(chat)
    system, turns = _turns(chat.messages)
    if not turns:
        raise UnsupportedError("Anthropic needs at least one message that is neither a system message nor empty.", "messages")
    limit = output_limit(chat, output_tokens_max)
    body: dict[str, Any] = {"model": upstream_model, "max_tokens": MAX_TOKENS_UNKNOWN if limit is None else limit, "messages": turns}
    if system:
        body["system"] = system
    if chat.tools:
        body["tools"] = [tool(one) for one in chat.tools]
        choice = tool_choice(chat.tool_choice, chat.parallel_tool_calls)
        if choice:
            body["tool_choice"] = choice
    if chat.answer_format:
        body["output_config"] = {"format": {"type": "json_schema", "schema": chat.answer_format.schema}}
    if chat.stop:
        body["stop_sequences"] = list(chat.stop)
    body |= _sampling(chat, upstream_model)
    if chat.user:
        body["metadata"] = {"user_id": chat.user}
    if chat.stream:
        body["stream"] = True
    return UpstreamAsk(path=PATH, headers=headers(chat.stream), body=_encode(body))


def _check(chat: Chat) -> None:
    if chat.logprobs:
        raise UnsupportedError("Anthropic gives no log probabilities.", "logprobs")
    if chat.answer_format and chat.answer_format.kind == "json":
        raise UnsupportedError("Anthropic has no JSON mode without a schema; use `json_schema`.", "response_format.type")
    for index, stop in enumerate(chat.stop):
        if not stop.strip():
            raise UnsupportedError("Anthropic refuses stop sequences of nothing but white space.", f"stop[{index}]")
    check_extras(chat, "Anthropic", _KNOWN_EXTRAS)


def _sampling(chat: Chat, upstream_model: str) -> dict[str, Any]:
    if _NO_SAMPLING.search(upstream_model):
        return {}
    sampling: dict[str, Any] = {}
    if chat.temperature is not None:
        sampling["temperature"] = min(chat.temperature, 1.0)
    elif chat.top_p is not None:
        sampling["top_p"] = chat.top_p
    if "top_k" in chat.extras:
        sampling["top_k"] = chat.extras["top_k"]
    return sampling


def _turns(messages: tuple[Message, ...]) -> tuple[str, list[dict[str, Any]]]:
    """The system text, and the other messages as alternating turns: neighbours of one side become one turn."""
    system: list[str] = []
    turns: list[dict[str, Any]] = []
    for index, message in enumerate(messages):
        if message.role == "system":
            if not all(isinstance(part, Text) for part in message.parts):
                raise UnsupportedError("Anthropic takes only text in system messages.", f"messages[{index}].content")
            system.extend(part.text for part in message.parts if isinstance(part, Text) and part.text)
            continue
        blocks = [told for part in message.parts if (told := block(part, f"messages[{index}]")) is not None]
        if not blocks:
            continue
        side = "assistant" if message.role == "assistant" else "user"
        if turns and turns[-1]["role"] == side:
            turns[-1]["content"] += blocks
        else:
            turns.append({"role": side, "content": blocks})
    return "\n\n".join(system), turns
