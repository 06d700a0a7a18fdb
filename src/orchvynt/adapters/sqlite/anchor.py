"""The audit's head outside of the database: a small file beside the journal that says which entry is the newest, and its hash.

It is written before the transaction that adds entries (`settled` is what is there, `next` what will be) and after it (`settled` alone).
Whichever moment a process dies at, the chain ends with one of the two; at the next start the file says which. Whatever else it ends with,
somebody changed it.
"""

import os
import re
from pathlib import Path
from typing import Final, NamedTuple

from orchvynt.decisions.audit.entries import Head

NAME: Final = "audit.head"
# Always the same, and less than a sector: it is overwritten in one piece, where it stands, also on a disk that is full.
_BYTES: Final = 256
# A read may meet a write halfway.
_READS_MAX: Final = 5
_LINES: Final = re.compile(r"orchvynt audit head 1\nsettled (\d{1,18}) ([0-9a-f]{64})\n(?:next (\d{1,18}) ([0-9a-f]{64})\n)?\s*")


class Anchored(NamedTuple):
    """`next` is None unless a transaction is, or was, under way."""

    settled: Head
    next: Head | None


class Anchor:
    def __init__(self, directory: Path) -> None:
        self.path = directory / NAME

    def read(self) -> Anchored | None:
        """None where there is no such file, or none that says what it should. Raises OSError."""
        found = None
        for _ in range(_READS_MAX):
            try:
                text = self.path.read_bytes()[: 2 * _BYTES].decode("ascii", "replace")
            except FileNotFoundError:
                return None
            if (found := _LINES.fullmatch(text)) is not None:
                break
        if found is None:
            return None
        number, settled, next_number, following = found.groups()
        return Anchored(Head(int(number), settled), Head(int(next_number), following) if next_number else None)

    def intend(self, settled: Head, following: Head) -> None:
        """On disk before it returns, also after a loss of power. Raises OSError."""
        self._write(f"{_line('settled', settled)}{_line('next', following)}", durable=True)

    def settle(self, head: Head) -> None:
        """A loss of power may bring back what `intend` wrote, which says the same. Raises OSError."""
        self._write(_line("settled", head), durable=False)

    def _write(self, lines: str, durable: bool) -> None:
        data = f"orchvynt audit head 1\n{lines}".encode("ascii").ljust(_BYTES - 1) + b"\n"
        fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.pwrite(fd, data, 0) != _BYTES:
                raise OSError("it was only partly written")
            os.ftruncate(fd, _BYTES)
            if durable:
                os.fsync(fd)
        finally:
            os.close(fd)


def _line(word: str, head: Head) -> str:
    return f"{word} {head.number} {head.hash}\n"
