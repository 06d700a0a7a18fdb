"""Reads `choices[].logprobs`, whole or of a chunk: only for callers of other APIs, since the relay that passes frames needs none of it."""

import msgspec

from orchvynt.dialects.checks import BODY_ERRORS
from orchvynt.dialects.openai_chat.wire import NOTHING
from orchvynt.dialects.translation import logprobs_from
from orchvynt.model.chat import TokenLogprob


class ToldLogprobs(msgspec.Struct, gc=False):
    content: msgspec.Raw = NOTHING


class WeighedChunkChoice(msgspec.Struct, gc=False):
    index: int | None = None
    logprobs: ToldLogprobs | None = None


class WeighedChunkBody(msgspec.Struct, gc=False):
    """What `ChunkBody` leaves out: it costs 40 ns of a relayed frame's 3 µs, and only callers of other APIs need it read."""

    choices: list[WeighedChunkChoice] | None = None


_decode_told = msgspec.json.Decoder(ToldLogprobs).decode
_decode_weighed = msgspec.json.Decoder(WeighedChunkBody).decode


def choice_logprobs(raw: msgspec.Raw) -> tuple[TokenLogprob, ...]:
    """`choices[].logprobs.content`. An odd one costs only itself, not the answer."""
    if not raw or bytes(raw) == b"null":
        return ()
    try:
        return logprobs_from(_decode_told(raw).content)
    except BODY_ERRORS:
        return ()


def chunk_logprobs(data: bytes) -> tuple[TokenLogprob, ...]:
    """Those of the first choice of a chunk."""
    if b'"logprob"' not in data:
        return ()
    try:
        choices = _decode_weighed(data).choices or ()
    except BODY_ERRORS:
        return ()
    return next((logprobs_from(choice.logprobs.content) for choice in choices if not choice.index and choice.logprobs), ())
