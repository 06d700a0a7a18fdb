"""The shapes of Ollama's answers, of `/api/chat` and `/api/generate`: a whole one, or one line of a stream, which is the same in parts."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import msgspec

from orchvynt.dialects.deltas import utf8_bytes
from orchvynt.model.chat import Finish
from orchvynt.model.usage import Usage

USAGE_TOKENS_MAX: Final = 10**12
_ID_BYTES: Final = 12


class ToldFunction(msgspec.Struct, gc=False):
    """`arguments` is a JSON object here, not text."""

    name: str = ""
    arguments: msgspec.Raw = msgspec.Raw()


class ToldCall(msgspec.Struct, gc=False):
    function: ToldFunction
    id: str | None = None


class ToldMessage(msgspec.Struct, gc=False):
    content: str | None = None
    thinking: str | None = None
    tool_calls: list[ToldCall] | None = None


class Line(msgspec.Struct, gc=False):
    """What lines of both have."""

    done: bool = False
    done_reason: str | None = None
    model: str | None = None
    created_at: str | None = None
    prompt_eval_count: msgspec.Raw = msgspec.Raw()
    eval_count: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()
    logprobs: msgspec.Raw = msgspec.Raw()


class ChatLine(Line, gc=False):
    message: ToldMessage | None = None

    def said(self) -> ToldMessage | None:
        """What the model wrote; None for a line that is none of an answer."""
        return self.message


class GenerateLine(Line, gc=False):
    """`image` is what a model that draws gives in the end, `completed` how far it is."""

    response: str | None = None
    thinking: str | None = None
    tool_calls: list[ToldCall] | None = None
    image: str | None = None
    completed: int | None = None

    def said(self) -> ToldMessage | None:
        if self.response is None and self.image is None and self.completed is None:
            return None
        return ToldMessage(content=(self.response or "") + (self.image or ""), thinking=self.thinking, tool_calls=self.tool_calls)


LineDecoder = Callable[[bytes], ChatLine | GenerateLine]
decode_chat_line: Final[LineDecoder] = msgspec.json.Decoder(ChatLine).decode
decode_generate_line: Final[LineDecoder] = msgspec.json.Decoder(GenerateLine).decode

_decode_count = msgspec.json.Decoder(int).decode

FINISHES: Final[dict[str, Finish]] = {"stop": "stop", "length": "length", "content_filter": "content_filter"}
"""Ollama itself knows the first two; the third is what OrchVynt writes for an answer of a provider that does."""


def finish_from(reason: str | None, has_calls: bool) -> Finish:
    """Ollama stops with `stop` when it calls tools."""
    finish = FINISHES.get(reason or "stop", "stop")
    return "tool_calls" if has_calls and finish == "stop" else finish


def usage_from(line: Line) -> Usage | None:
    """None where a count is missing (older versions leave out what the cache held) or absurd."""
    read, written = _count(line.prompt_eval_count), _count(line.eval_count)
    return None if read is None or written is None else Usage(input_tokens=read, output_tokens=written)


def answer_id(first: bytes) -> str:
    """Ollama names no answer, and some clients tell messages apart by it: a digest of its first bytes, which hold its instant."""
    return f"chatcmpl-{hashlib.sha256(first).hexdigest()[: 2 * _ID_BYTES]}"


def call_id(answer: str, index: int) -> str:
    """Calls without an id of their own get one that is unique to the answer and the place."""
    return f"call_{answer.removeprefix('chatcmpl-')}_{index}"


def created_seconds(created_at: str | None) -> int:
    """`2025-05-27T22:54:57.641643Z`, with up to nine digits of fraction, as Unix seconds; 0 for anything else."""
    if not created_at:
        return 0
    whole, _, rest = created_at.partition(".")
    zone = rest.lstrip("0123456789") if rest else ""
    try:
        moment = datetime.fromisoformat(whole + zone)
        return max(int(moment.timestamp()), 0) if moment.tzinfo else 0
    except (ValueError, OverflowError):
        return 0


def instant_text(seconds: int) -> str:
    """Unix seconds as Ollama writes an instant."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def said_bytes(message: ToldMessage) -> int:
    """The UTF-8 bytes of everything in a message, or in a part of one, that a model wrote."""
    calls = sum(utf8_bytes(call.function.name) + len(bytes(call.function.arguments)) for call in message.tool_calls or ())
    return utf8_bytes(message.content or "") + utf8_bytes(message.thinking or "") + calls


def arguments_text(arguments: msgspec.Raw) -> str:
    return (bytes(arguments) or b"{}").decode()


def _count(raw: msgspec.Raw) -> int | None:
    if not raw:
        return None
    try:
        count = _decode_count(raw)
    except msgspec.ValidationError:
        return None
    return count if 0 <= count <= USAGE_TOKENS_MAX else None
