"""The journal's bytes: what a segment and a frame look like, and how to tell a whole frame from anything else. No file is touched here.

A segment is a header (magic, format version, seed) and then frames: u32 length, u32 crc32 of the payload, payload (little
endian). The payload is the JSON list of the facts of one invocation. JSON rather than MessagePack: it takes about 0.4 µs more for
four facts, but callers' context may hold integers of any size, which MessagePack refuses, and a record stays readable.
"""

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple
from zlib import crc32

import msgspec

from orchvynt.adapters.journal.positions import Frame, Position
from orchvynt.model.facts import AnyFact
from orchvynt.ports.journal import JournalUnavailableError

MAGIC: Final = b"OVFACTS\n"
FORMAT: Final = 1
HEADER: Final = struct.Struct("<8sII")
FRAME_HEAD: Final = struct.Struct("<II")
FRAME_BYTES_MAX: Final = 256 * 1024 * 1024
_PAYLOAD_START: Final = b'[{"fact":"'

_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(list[AnyFact])

encode_facts: Final = _encoder.encode
_encode_into: Final = _encoder.encode_into
_pack_head: Final = FRAME_HEAD.pack
_HEAD_BYTES: Final = FRAME_HEAD.size


class Span(NamedTuple):
    """A whole frame within a buffer."""

    start: int
    end: int
    payload: bytes


def header(seed: int) -> bytes:
    """`seed` is random per segment and starts every checksum, so that neither old disk blocks nor an answer's text pass for a frame."""
    return HEADER.pack(MAGIC, FORMAT, seed)


def seed_of(head: bytes, path: str) -> int | None:
    """The seed, or None if this is no header. Raises JournalUnavailableError for a format of a newer build."""
    if len(head) < HEADER.size:
        return None
    magic, version, seed = HEADER.unpack_from(head)
    if magic != MAGIC:
        return None
    if version != FORMAT:
        raise JournalUnavailableError(
            f"{path} has journal format {version}, this build knows {FORMAT}. Start the build that wrote it, or a newer one."
        )
    return int(seed)


def frame_bytes(payload: bytes, seed: int) -> bytes:
    return FRAME_HEAD.pack(len(payload), crc32(payload, seed)) + payload


def payload_of(facts: Sequence[AnyFact], scratch: bytearray) -> bytes:
    """The payload of a frame. `scratch` is anything of the caller's, used again and again: an encoder that makes bytes of its own lets them
    grow each time, and one buffer for all frames of a write grows with each of them (a fifth of the time of both)."""
    _encode_into(facts, scratch)
    return bytes(scratch)


def seal(records: Sequence[Sequence[AnyFact]], payloads: Sequence[bytes], seed: int, at: Position) -> tuple[bytes, list[Frame]]:
    """The bytes of the frames that these payloads make, each with its head, and the frames as they stand once that is written at `at`."""
    segment, place = at
    start = at
    frames: list[Frame] = []
    parts: list[bytes] = []
    for facts, payload in zip(records, payloads, strict=True):
        length = len(payload)
        place += _HEAD_BYTES + length
        end = (segment, place)
        parts += (_pack_head(length, crc32(payload, seed)), payload)
        frames.append(Frame(start, end, payload, facts))
        start = end
    return b"".join(parts), frames


def frame_at(buffer: bytes, start: int, seed: int) -> Span | None:
    """The whole frame that begins at `start`, or None. A length of zero is never a frame: unwritten blocks are zeros."""
    body = start + FRAME_HEAD.size
    if body > len(buffer):
        return None
    length, checksum = FRAME_HEAD.unpack_from(buffer, start)
    end = body + length
    if not 0 < length <= FRAME_BYTES_MAX or end > len(buffer):
        return None
    payload = buffer[body:end]
    return Span(start, end, payload) if crc32(payload, seed) == checksum else None


def length_at(buffer: bytes, start: int) -> int:
    """How many bytes a frame at `start` says it has, its head included; 0 if even its head is not there."""
    if start + FRAME_HEAD.size > len(buffer):
        return 0
    return int(FRAME_HEAD.unpack_from(buffer, start)[0]) + FRAME_HEAD.size


def next_frame(buffer: bytes, start: int, seed: int) -> Span | None:
    """The first whole frame at `start` or later: how reading goes on behind a damaged place.

    It looks for what every payload begins with, because trying each byte of a segment would take half a minute.
    """
    at = buffer.find(_PAYLOAD_START, start + FRAME_HEAD.size)
    while at >= 0:
        span = frame_at(buffer, at - FRAME_HEAD.size, seed)
        if span is not None:
            return span
        at = buffer.find(_PAYLOAD_START, at + 1)
    return None


def decode_facts(payload: bytes, path: str) -> list[AnyFact]:
    """Raises JournalUnavailableError when the facts are of a newer build: the checksum was right, so they are as they were written."""
    try:
        return _decoder.decode(payload)
    except msgspec.MsgspecError as error:
        raise JournalUnavailableError(
            f"{path} holds facts that this build does not know ({error}). "
            "Nothing was dropped. Start the build that wrote them, or a newer one."
        ) from None


def decode_record(body: bytes) -> list[AnyFact]:
    """The facts of several payloads that were joined by line breaks. Raises msgspec.MsgspecError."""
    return [fact for facts in _decoder.decode_lines(body) for fact in facts]
