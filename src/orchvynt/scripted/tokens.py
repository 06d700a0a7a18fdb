"""The scripted provider's own tokeniser: deterministic, in the manner of a byte-level BPE, and independent of any other count.

Text is cut into words (with the blank before them), runs of punctuation and runs of blanks; each is cut into pieces of at most
four UTF-8 bytes. So a text never has more tokens than bytes, and joining the pieces gives the text back.
"""

import re
from typing import Final

_RUN: Final = re.compile(r"\s?\w+|\s?[^\w\s]+|\s+")

PIECE_BYTES_MAX: Final = 4
MESSAGE_OVERHEAD: Final = 4
"""Tokens that each message of a prompt costs besides its text."""
PROMPT_OVERHEAD: Final = 3
"""Tokens that a prompt costs besides its messages."""


def split(text: str) -> list[str]:
    """The tokens of `text`, in order."""
    pieces: list[str] = []
    for run in _RUN.findall(text):
        if run.isascii():
            pieces.extend(run[at : at + PIECE_BYTES_MAX] for at in range(0, len(run), PIECE_BYTES_MAX))
        else:
            pieces.extend(_split_wide(run))
    return pieces


def count(text: str) -> int:
    """How many tokens `split` would give, without making them."""
    if text.isascii():
        return sum((len(run) + PIECE_BYTES_MAX - 1) // PIECE_BYTES_MAX for run in _RUN.findall(text))
    return len(split(text))


def _split_wide(run: str) -> list[str]:
    """Cuts at characters, never inside one: a character has at most four bytes."""
    pieces: list[str] = []
    start = size = 0
    for at, char in enumerate(run):
        width = len(char.encode("utf-8", "surrogatepass"))
        if size and size + width > PIECE_BYTES_MAX:
            pieces.append(run[start:at])
            start, size = at, 0
        size += width
    pieces.append(run[start:])
    return pieces
