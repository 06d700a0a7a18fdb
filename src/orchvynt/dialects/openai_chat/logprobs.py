"""Asks for `choices[].logprobs`, reads and hides them, whole or of a chunk: only where a gate or a caller of another API needs them."""

from typing import Final

import msgspec

from orchvynt.catalog.reasoning import reasons
from orchvynt.dialects.checks import BODY_ERRORS
from orchvynt.dialects.hiding import NAME, nulled
from orchvynt.dialects.openai_chat.wire import NOTHING
from orchvynt.dialects.translation import logprobs_from
from orchvynt.model.chat import TokenLogprob

_TRUE: Final = msgspec.Raw(b"true")


class ToldLogprobs(msgspec.Struct, gc=False):
    content: msgspec.Raw = NOTHING


class WeighedChunkChoice(msgspec.Struct, gc=False):
    index: int | None = None
    logprobs: ToldLogprobs | None = None


class RawChoice(msgspec.Struct, gc=False):
    logprobs: msgspec.Raw = NOTHING


class RawBody(msgspec.Struct, gc=False):
    choices: list[RawChoice] | None = None


class WeighedChunkBody(msgspec.Struct, gc=False):
    """What `ChunkBody` leaves out: it costs 40 ns of a relayed frame's 3 µs, and only callers of other APIs need it read."""

    choices: list[WeighedChunkChoice] | None = None


_decode_told = msgspec.json.Decoder(ToldLogprobs).decode
_decode_weighed = msgspec.json.Decoder(WeighedChunkBody).decode
_decode_raw = msgspec.json.Decoder(RawBody).decode
_decode_all = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_choices = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode
_encode = msgspec.json.Encoder().encode


def gives_logprobs(upstream_model: str) -> bool:
    """Reasoning models refuse a request that asks for them."""
    return not reasons(upstream_model)


def asking_for_logprobs(body: bytes) -> bytes:
    """The same request with `logprobs: true`; all other values stay as they are."""
    top = _decode_all(body)
    if bytes(top.get("logprobs", NOTHING)) == b"true":
        return body
    top["logprobs"] = _TRUE
    return _encode(top)


def without_logprobs(body: bytes) -> bytes:
    """An answer, or a chunk of one, as OpenAI writes it where nobody asked for log probabilities: `null` stands in their place."""
    if NAME not in body:
        return body
    hidden = body
    for choice in _decode_raw(body).choices or ():
        raw = bytes(choice.logprobs)
        if raw and raw != b"null":
            hidden = nulled(hidden, raw)
    return hidden if _hides(hidden) else _written_anew(body)


def hidden_frame(frame: bytes, data: bytes) -> bytes:
    """The same for an event of a stream. `data` is its data, which is JSON."""
    if NAME not in data:
        return frame
    hidden = without_logprobs(data)
    return frame.replace(data, hidden, 1) if data in frame else b"data: " + hidden + b"\n\n"


def _hides(body: bytes) -> bool:
    return all(not raw or raw == b"null" for raw in (bytes(choice.logprobs) for choice in _decode_raw(body).choices or ()))


def _written_anew(body: bytes) -> bytes:
    """Where the name was written with escapes, its place cannot be found: the choices are written anew, each other value as it came."""
    top = _decode_all(body)
    choices = _decode_choices(top["choices"])
    for choice in choices:
        if "logprobs" in choice:
            choice["logprobs"] = msgspec.Raw(b"null")
    top["choices"] = msgspec.Raw(_encode(choices))
    return _encode(top)


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
