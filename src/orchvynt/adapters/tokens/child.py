"""The process that counts tokens: `python -m orchvynt.adapters.tokens.child`. Asked on its input, it answers on its output.

An ask is the tokenizer's name and the body, each behind its length; an answer is one number, -1 where there is none. It ends with its
input, or when nobody asked for a while: the vocabularies take 40 to 80 MB each.
"""

import select
import signal
import struct
import sys
from typing import BinaryIO, Final, Protocol

from orchvynt.adapters.tokens.vocabulary import encoder
from orchvynt.catalog.counting import chat_tokens


class Asks(Protocol):
    """An input without a buffer: what waits to be read must be seen by `select`. A read may give less than was asked for."""

    def fileno(self) -> int: ...

    def read(self, size: int, /) -> bytes: ...


LENGTHS: Final = struct.Struct("!II")
ANSWER: Final = struct.Struct("!q")
IDLE_S: Final = 600.0


def serve(asks: Asks, answers: BinaryIO, idle_s: float = IDLE_S) -> None:
    """Until the input ends or is silent for `idle_s`."""
    while select.select([asks], [], [], idle_s)[0]:
        try:
            name_bytes, body_bytes = LENGTHS.unpack(_read(asks, LENGTHS.size))
            name, body = _read(asks, name_bytes), _read(asks, body_bytes)
        except EOFError:
            return
        tokens = chat_tokens(body, encoder(name.decode()))
        answers.write(ANSWER.pack(-1 if tokens is None else tokens))
        answers.flush()


def _read(asks: Asks, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        part = asks.read(count - len(data))
        if not part:
            raise EOFError
        data += part
    return bytes(data)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with open(0, "rb", buffering=0, closefd=False) as asks:
        serve(asks, sys.stdout.buffer)
