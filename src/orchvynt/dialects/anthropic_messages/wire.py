"""The shapes of the Messages API's answers and stream events that OrchVynt looks at."""

from typing import Final

import msgspec

from orchvynt.model.chat import Finish
from orchvynt.model.usage import Usage

USAGE_TOKENS_MAX: Final = 10**12

FINISHES: Final[dict[str, Finish]] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


class OutputDetails(msgspec.Struct, gc=False):
    thinking_tokens: int | None = None


class ToldWritten(msgspec.Struct, gc=False):
    """The tokens written to caches, by how long those live."""

    ephemeral_5m_input_tokens: int | None = None
    ephemeral_1h_input_tokens: int | None = None


class ToldUsage(msgspec.Struct, gc=False):
    """Counts of a whole answer, or cumulative ones in a stream, where a later event leaves out what it does not correct."""

    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_creation: ToldWritten | None = None
    cache_read_input_tokens: int | None = None
    output_tokens: int | None = None
    output_tokens_details: OutputDetails | None = None


class StopDetails(msgspec.Struct, gc=False):
    explanation: str | None = None


class Block(msgspec.Struct, gc=False):
    """One content block. `input` is the JSON of a tool call's arguments, `data` a sealed thought."""

    type: str
    text: str | None = None
    id: str | None = None
    name: str | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    input: msgspec.Raw = msgspec.Raw()


class MessageBody(msgspec.Struct, gc=False):
    type: str | None = None
    id: str | None = None
    model: str | None = None
    content: list[Block] | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None
    usage: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()


class EventDelta(msgspec.Struct, gc=False):
    """The delta of a content block, or of the message."""

    type: str | None = None
    text: str | None = None
    partial_json: str | None = None
    thinking: str | None = None
    signature: str | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None


class Event(msgspec.Struct, gc=False):
    type: str
    index: int | None = None
    message: MessageBody | None = None
    content_block: Block | None = None
    delta: EventDelta | None = None
    usage: msgspec.Raw = msgspec.Raw()


_decode_usage = msgspec.json.Decoder(ToldUsage).decode


def finish_from(reason: str | None) -> Finish:
    """A reason that nobody documents is an ordinary end; none is none."""
    return FINISHES.get(reason, "stop") if reason else ""


def told_usage(raw: msgspec.Raw) -> ToldUsage | None:
    """None where the provider says nothing, or something that is no count."""
    if not raw or bytes(raw) == b"null":
        return None
    try:
        return _decode_usage(raw)
    except msgspec.ValidationError:
        return None


def usage_from(told: ToldUsage | None) -> Usage | None:
    """Anthropic's `input_tokens` leaves out what was read from and written to the cache; ours includes both."""
    if told is None or told.input_tokens is None or told.output_tokens is None:
        return None
    read, written = told.cache_read_input_tokens or 0, told.cache_creation_input_tokens or 0
    counts = (told.input_tokens, read, written, told.output_tokens)
    if min(counts) < 0 or max(counts) > USAGE_TOKENS_MAX:
        return None
    thinking = (told.output_tokens_details.thinking_tokens or 0) if told.output_tokens_details else 0
    long = (told.cache_creation.ephemeral_1h_input_tokens or 0) if told.cache_creation else 0
    long = min(max(long, 0), written)
    return Usage(
        input_tokens=told.input_tokens + read + written,
        output_tokens=told.output_tokens,
        cached_input_tokens=read,
        cache_written_tokens=written,
        cache_kept_tokens=long,
        reasoning_tokens=thinking if 0 < thinking <= told.output_tokens else 0,
    )


def merged_usage(earlier: ToldUsage | None, later: ToldUsage | None) -> ToldUsage | None:
    """Cumulative counts: what a later event says replaces what an earlier one said, field by field."""
    if earlier is None or later is None:
        return later or earlier
    return ToldUsage(
        input_tokens=earlier.input_tokens if later.input_tokens is None else later.input_tokens,
        cache_creation=later.cache_creation or earlier.cache_creation,
        cache_creation_input_tokens=(
            earlier.cache_creation_input_tokens if later.cache_creation_input_tokens is None else later.cache_creation_input_tokens
        ),
        cache_read_input_tokens=(
            earlier.cache_read_input_tokens if later.cache_read_input_tokens is None else later.cache_read_input_tokens
        ),
        output_tokens=earlier.output_tokens if later.output_tokens is None else later.output_tokens,
        output_tokens_details=later.output_tokens_details or earlier.output_tokens_details,
    )
