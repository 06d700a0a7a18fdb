"""The process that counts tokens: `python -m orchvynt.adapters.tokens.child`. Asked on its input, it answers on its output.

An ask is the tokenizer's name and the body, each behind its length; an answer is one number, -1 where there is none. It ends with its
input, or when nobody asked for a while: the vocabularies take 40 to 80 MB each.
"""

import select
import signal
import struct
from typing import Final, Protocol

from orchvynt.adapters.process_apart import Answers, Readable, read_exactly
from orchvynt.adapters.tokens.vocabulary import encoder
from orchvynt.catalog.counting import chat_tokens


class Asks(Readable, Protocol):
    """An input without a buffer: what waits to be read must be seen by `select`."""

    def fileno(self) -> int: ...


LENGTHS: Final = struct.Struct("!II")
ANSWER: Final = struct.Struct("!q")
IDLE_S: Final = 600.0


def serve(asks: Asks, answers: Answers, idle_s: float = IDLE_S) -> None:
    """Until the input ends or is silent for `idle_s`, or nobody is there to hear."""
    while select.select([asks], [], [], idle_s)[0]:
        try:
            name_bytes, body_bytes = LENGTHS.unpack(read_exactly(asks, LENGTHS.size))
            name, body = read_exactly(asks, name_bytes), read_exactly(asks, body_bytes)
        except EOFError:
            return
        tokens = chat_tokens(body, encoder(name.decode()))
        try:
            answers.write(ANSWER.pack(-1 if tokens is None else tokens))
        except BrokenPipeError:
            # Whoever asked was killed: there is nobody to tell, and an operator would read of a defect.
            return


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with open(0, "rb", buffering=0, closefd=False) as asks, open(1, "wb", buffering=0, closefd=False) as answers:
        serve(asks, answers)
