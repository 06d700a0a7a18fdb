"""Writes a canonical chat as a request of the Messages API: turns merged, system text apart, tools and schema in its own words."""

import re
from typing import Any, Final

import msgspec

from orchvynt.dialects.anthropic_messages.blocks import block, tool, tool_choice
from orchvynt.dialects.anthropic_messages.headers import headers
from orchvynt.dialects.anthropic_messages.passing import PATH
from orchvynt.dialects.anthropic_messages.rewriting import rewrite_request
from orchvynt.dialects.shapes import UnsupportedError, UpstreamAsk
from orchvynt.dialects.translation import MESSAGES_DROPPED, Dropped, Table, drop_extras, drop_from_messages, output_limit
from orchvynt.model.chat import Chat, Message, Text

OWN: Final = "anthropic_messages"

MAX_TOKENS_UNKNOWN: Final = 4096
"""The API demands a limit. The runtime gives one always; this one stands where nobody did."""

TEMPERATURE_MAX: Final = 1.0

DROPPED: Final[Table] = (
    *MESSAGES_DROPPED,
    ("temperature", "above 1 it is sent as 1, the API's maximum; Claude 4.7 and later refuse it, so it is left out"),
    ("top_p", "left out beside `temperature`, because newer models refuse the pair; Claude 4.7 and later refuse it alone too"),
    ("top_k", "Claude 4.7 and later refuse it"),
    ("seed", "the API has none"),
    ("presence_penalty", "the API has none"),
    ("frequency_penalty", "the API has none"),
)
"""What is left out on the way, and why. It changes how an answer is sampled, stored or served, never what was asked for."""

REFUSED: Final[Table] = (
    ("logprobs", "the API gives no log probabilities"),
    ("response_format json_object", "the API has no JSON mode without a schema"),
    ("stop of white space", "the API refuses it"),
    ("system messages with images", "the API takes only text there"),
    ("arguments of earlier calls that are no JSON object", "the API takes an object"),
    ("n", "the API gives one answer to a request"),
    ("any other field", "without it the answer may be another"),
)

MAPPED: Final[Table] = (
    ("messages of the roles system and developer", "gathered, in order, in `system`"),
    ("messages of the role tool", "`tool_result` blocks of a user turn"),
    ("neighbouring messages of one side", "one turn; empty text is left out, because the API refuses it"),
    ("image_url", "an `image` block, base64 or by address"),
    ("tool_choice none, auto, required, a function", "`none`, `auto`, `any`, `tool`"),
    ("parallel_tool_calls false", "`tool_choice.disable_parallel_tool_use`"),
    ("response_format json_schema", "`output_config.format`; it always binds, as with `strict`"),
    ("max_tokens, max_completion_tokens", "`max_tokens`, which the API requires"),
    ("stop", "`stop_sequences`"),
    ("user", "`metadata.user_id`"),
)

_KNOWN_EXTRAS: Final = frozenset({"top_k"})
_WITHOUT: Final = frozenset({"presence_penalty", "frequency_penalty"})

# Claude 4.7 and later, the 5 series and its named relatives refuse sampling parameters (platform.claude.com, model migration guide).
_NO_SAMPLING: Final = re.compile(r"claude-(?:[a-z]+-)?(?:4[-.](?:[7-9]|\d\d(?!\d))|[5-9]|\d\d(?!\d))(?:\D|$)|claude-(?:fable|mythos)")

_encode = msgspec.json.Encoder().encode


def write_request(chat: Chat, upstream_model: str, output_tokens_max: int | None) -> UpstreamAsk:
    """The request for a canonical chat. Raises UnsupportedError for what dropping would change the answer."""
    if chat.dialect == OWN:
        return rewrite_request(chat, upstream_model, output_tokens_max)
    dropped = Dropped(chat)
    _check(chat, dropped)
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
    body |= _sampling(chat, upstream_model, dropped)
    if chat.user:
        body["metadata"] = {"user_id": chat.user}
    if chat.stream:
        body["stream"] = True
    return UpstreamAsk(path=PATH, headers=headers(chat.stream), body=_encode(body), dropped=dropped.told())


def _check(chat: Chat, dropped: Dropped) -> None:
    if chat.logprobs:
        raise UnsupportedError("Anthropic gives no log probabilities.", "logprobs")
    if chat.answer_format and chat.answer_format.kind == "json":
        raise UnsupportedError("Anthropic has no JSON mode without a schema; use `json_schema`.", "response_format.type")
    for index, stop in enumerate(chat.stop):
        if not stop.strip():
            raise UnsupportedError("Anthropic refuses stop sequences of nothing but white space.", f"stop[{index}]")
    drop_extras(chat, "Anthropic", _KNOWN_EXTRAS, dropped, _WITHOUT)
    drop_from_messages(chat, dropped)
    if chat.seed is not None:
        dropped.add("seed")


def _sampling(chat: Chat, upstream_model: str, dropped: Dropped) -> dict[str, Any]:
    asked = {"temperature": chat.temperature, "top_p": chat.top_p, "top_k": chat.extras.get("top_k")}
    sampling = {name: value for name, value in asked.items() if value is not None}
    if _NO_SAMPLING.search(upstream_model):
        for name in sampling:
            dropped.add(name)
        return {}
    if chat.temperature is not None:
        if chat.temperature > TEMPERATURE_MAX:
            sampling["temperature"] = TEMPERATURE_MAX
            dropped.add("temperature")
        if sampling.pop("top_p", None) is not None:
            dropped.add("top_p")
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
