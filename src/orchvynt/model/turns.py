"""Turns of a conversation, as far as a later request is recognised by them: who spoke, what was said, which tool calls it is about.

An answer and the assistant turn that a caller makes of it have the same digest, however the answer came.
"""

import zlib
from collections.abc import Sequence
from typing import Final

import msgspec

Digest = tuple[int, int, tuple[str, ...]]
"""CRC-32 and length in bytes of the text, and the ids of the tool calls. It tells answers to the same question apart, no more."""

_ENCODING: Final = ("utf-8", "surrogatepass")


class Turn(msgspec.Struct, frozen=True, gc=False):
    """One message. `ids` are those of the tool calls that it makes or answers."""

    role: str
    text: str
    ids: tuple[str, ...] = ()


class Said:
    """The digest of one answer, taken as it comes, in any parts: its text, and the ids of its tool calls in their order."""

    __slots__ = ("_bytes", "_crc", "_ids")

    def __init__(self) -> None:
        self._crc = 0
        self._bytes = 0
        self._ids: list[str] = []

    def add(self, text: str) -> None:
        # Once a frame of a stream: naming the encoding costs three times what encoding a few words does.
        part = text.encode() if text.isascii() else text.encode(*_ENCODING)
        self._crc = zlib.crc32(part, self._crc)
        self._bytes += len(part)

    def call(self, call_id: str) -> None:
        # Some providers repeat the id with every part of a call.
        if call_id not in self._ids:
            self._ids.append(call_id)

    def digest(self) -> Digest:
        return self._crc, self._bytes, tuple(self._ids)


def said(turn: Turn) -> Digest:
    """The digest of a whole assistant turn."""
    return digest_of(turn.text, turn.ids)


def digest_of(text: str, ids: Sequence[str]) -> Digest:
    """The same of its text and the ids of its tool calls."""
    spoken = text.encode(*_ENCODING)
    return zlib.crc32(spoken), len(spoken), tuple(dict.fromkeys(ids)) if ids else ()
