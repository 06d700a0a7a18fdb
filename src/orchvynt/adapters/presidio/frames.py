"""What goes between us and the process that asks Presidio: JSON, each value behind its length."""

import struct
from typing import Any, Final

import msgspec

from orchvynt.adapters.process_apart import Readable, read_exactly

LENGTH: Final = struct.Struct("!I")
FRAME_BYTES_MAX: Final = 1 << 20


class Ask(msgspec.Struct):
    """`least_score` is a share in parts of 10,000."""

    text: str
    kinds: tuple[str, ...]
    least_score: int


class Answer(msgspec.Struct):
    """What was found; or, with a `problem`, why nothing is known. The first one says only that the library is there, or why not."""

    found: dict[str, int] = {}
    problem: str = ""


def framed(value: Ask | Answer) -> bytes:
    body = msgspec.json.encode(value)
    return LENGTH.pack(len(body)) + body


def read(of: Readable, kind: type[Any]) -> Any:
    """Raises EOFError at the end, msgspec.DecodeError where it is no such value."""
    (size,) = LENGTH.unpack(read_exactly(of, LENGTH.size))
    if size > FRAME_BYTES_MAX:
        raise EOFError
    return msgspec.json.decode(read_exactly(of, size), type=kind)
