"""Counts what a chat completion request comes to, text by text, with a model's own tokenizer. Never below what OpenAI counts.

Text is counted as it is. What stands around it is not published and therefore bounded: by OpenAI's own recipe
(https://cookbook.openai.com/examples/how_to_count_tokens_with_tiktoken: 3 tokens a message, 3 for the answer, and the figures per tool) and
what was measured beyond it, with room. Tools and schemas reach the model in a form of their own, which is shorter than JSON in all but its
separators (`"a" | "b"` for an enum): so it is the JSON that is counted, with two tokens more for each separator.
A request that holds what is not known here is not counted; the bound by bytes holds for it.
"""

import json
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

Kind = TypeVar("Kind", dict[str, Any], list[Any])
Encode = Callable[[str], int]
"""How many tokens a text has."""

REQUEST_TOKENS: Final = 16
MESSAGE_TOKENS: Final = 8
TEXT_TOKENS: Final = 2
"""Texts that stand beside one another may be counted as one, and then differently."""
CALL_TOKENS: Final = 16
TOOL_TOKENS: Final = 16
SECTION_TOKENS: Final = 64
"""Around all tools, around a schema, and around calls that were made at once (community.openai.com/t/538914: 24 more)."""
SEPARATOR_TOKENS: Final = 2
PIECE_CHARS: Final = 16_384
"""A longer text is counted in pieces: at a megabyte of blanks the tokenizer's regular expression overflows its stack."""

_SILENT: Final = frozenset(
    {
        "model", "stream", "stream_options", "max_tokens", "max_completion_tokens", "temperature", "top_p", "n", "stop", "presence_penalty",
        "frequency_penalty", "logit_bias", "logprobs", "top_logprobs", "user", "seed", "service_tier", "store", "metadata",
        "parallel_tool_calls", "reasoning_effort", "verbosity", "prompt_cache_key", "prompt_cache_retention", "safety_identifier",
    }
)  # fmt: skip
_MESSAGE_FIELDS: Final = frozenset({"role", "content", "name", "refusal", "tool_calls", "tool_call_id", "function_call"})


class _UnknownError(Exception):
    """The request holds something that may be text in a form that is not known here; never leaves this module."""


def chat_tokens(body: bytes, encode: Encode) -> int | None:
    """The most tokens that the text of a request body in OpenAI's form comes to, images apart; None where that is not known."""
    try:
        top = msgspec.json.decode(body, type=dict[str, Any])
        return _Tally(encode, _calls(top)).request(top)
    except (_UnknownError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


class _Tally:
    """`escaped`: OpenAI writes conversations with more than one tool call as ASCII with escapes before it counts them, several times the
    tokens of other scripts (community.openai.com/t/1375117)."""

    __slots__ = ("_encode", "_escaped")

    def __init__(self, encode: Encode, calls: int) -> None:
        self._encode = encode
        self._escaped = calls > 1

    def request(self, top: dict[str, Any]) -> int:
        total = REQUEST_TOKENS
        for name, value in top.items():
            if value is None or name in _SILENT:
                continue
            if name == "messages":
                total += sum(self._message(message) for message in value) + (SECTION_TOKENS if self._escaped else 0)
            elif name in ("tools", "functions"):
                total += SECTION_TOKENS + sum(TOOL_TOKENS + self._json(tool) for tool in _known(value, list))
            elif name in ("response_format", "tool_choice", "function_call"):
                total += SECTION_TOKENS + self._json(value)
            else:
                raise _UnknownError
        return total

    def _message(self, message: object) -> int:
        total = MESSAGE_TOKENS
        for name, value in _known(message, dict).items():
            if value is None:
                continue
            if name not in _MESSAGE_FIELDS:
                raise _UnknownError
            if name == "tool_calls":
                total += sum(CALL_TOKENS + self._call(call) for call in _known(value, list))
            elif name == "function_call":
                total += CALL_TOKENS + self._call({"function": value})
            elif name == "content" and isinstance(value, list):
                total += sum(self._part(part) for part in value)
            else:
                total += self._text(value)
        return total

    def _part(self, part: object) -> int:
        known: dict[str, Any] = _known(part, dict)
        kind = known.get("type")
        if kind == "image_url":
            return TEXT_TOKENS
        if kind not in ("text", "refusal"):
            raise _UnknownError
        return self._text(known.get(kind))

    def _call(self, call: object) -> int:
        known: dict[str, Any] = _known(call, dict)
        kind = known.get("type", "function")
        if kind not in ("function", "custom"):
            raise _UnknownError
        said: dict[str, Any] = _known(known.get(kind), dict)
        return sum(self._text(text) for text in (known.get("id", ""), said.get("name", ""), said.get("arguments", said.get("input", ""))))

    def _json(self, value: object) -> int:
        text = msgspec.json.encode(value).decode()
        if '"$ref"' in text or '"$dynamicRef"' in text:
            # It may be written out wherever it is referred to, which no length of the JSON bounds.
            raise _UnknownError
        return self._text(text) + SEPARATOR_TOKENS * (text.count(",") + text.count(":"))

    def _text(self, text: object) -> int:
        if not isinstance(text, str):
            raise _UnknownError
        count = self._pieces(text)
        return max(count, self._pieces(json.dumps(text))) if self._escaped else count

    def _pieces(self, text: str) -> int:
        if len(text) <= PIECE_CHARS:
            return self._encode(text) + TEXT_TOKENS
        return sum(self._encode(text[at : at + PIECE_CHARS]) + TEXT_TOKENS for at in range(0, len(text), PIECE_CHARS))


def _calls(top: dict[str, Any]) -> int:
    messages = _known(top.get("messages"), list)
    return sum(len(_known(message, dict).get("tool_calls") or ()) for message in messages)


def _known(value: object, kind: type[Kind]) -> Kind:
    if not isinstance(value, kind):
        raise _UnknownError
    return value
