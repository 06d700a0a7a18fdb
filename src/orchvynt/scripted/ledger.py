"""The provider's own books: one line for each arrival, one for each billing, on disk before anybody sees an answer.

Append-only JSON lines, each in one `write()`, so they survive the death of any process. `Ledger` reads them for tests and auditors;
a torn last line is left out. Format: docs/how-to/scripted-provider.md. A provider within another process keeps them in memory.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, Protocol, Self

import msgspec

LAST_USER_CHARS_MAX: Final = 200
LINES_READ_MAX: Final = 10_000
_encode: Final = msgspec.json.encode


class Billed(msgspec.Struct, frozen=True):
    """Tokens that the provider charges for."""

    input: int
    output: int


class Arrived(msgspec.Struct, frozen=True):
    """One request that reached the provider. `at` is in nanoseconds UTC; `max_tokens` is None where the request set no limit."""

    n: int
    at: int
    provider: str
    api: str
    model: str
    path: str
    stream: bool
    client_request_id: str
    key_sha256_8: str
    body_sha256: str
    max_tokens: int | None
    last_user: str


class Charge(msgspec.Struct, frozen=True):
    """What arrival `n` was billed, and how it ended: `whole`, or what went wrong."""

    n: int
    at: int
    billed: Billed
    how: str


class Totals(msgspec.Struct, frozen=True):
    """Sums over some arrivals. `open` of them have no bill: they are still running, or were refused before they ran."""

    arrivals: int
    charged: int
    open: int
    input_tokens: int
    output_tokens: int

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens


class Ledger(msgspec.Struct, frozen=True):
    """All that a provider wrote down, in order."""

    arrivals: tuple[Arrived, ...]
    charges: tuple[Charge, ...]

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Reads a file that may be growing. A file that does not exist yet is an empty ledger."""
        try:
            lines = Path(path).read_bytes().split(b"\n")[:-1]
        except FileNotFoundError:
            lines = []
        return cls.of_lines(lines)

    @classmethod
    def of_lines(cls, lines: Iterable[bytes]) -> Self:
        arrivals: list[Arrived] = []
        charges: list[Charge] = []
        for line in lines:
            if b'"billed":' in line[:80]:
                charges.append(_CHARGE.decode(line))
            elif line:
                arrivals.append(_ARRIVED.decode(line))
        return cls(tuple(arrivals), tuple(charges))

    def where(self, *, provider: str | None = None, model: str | None = None, since: int = 0) -> "Ledger":
        """The part of one provider or model, and of arrivals after number `since`."""
        kept = tuple(
            arrival
            for arrival in self.arrivals
            if arrival.n > since and provider in (None, arrival.provider) and model in (None, arrival.model)
        )
        numbers = {arrival.n for arrival in kept}
        return Ledger(kept, tuple(charge for charge in self.charges if charge.n in numbers))

    def charge(self, n: int) -> Charge | None:
        return next((charge for charge in self.charges if charge.n == n), None)

    @property
    def last(self) -> int:
        """The number of the last arrival, 0 if there is none; for `where(since=…)`."""
        return max((arrival.n for arrival in self.arrivals), default=0)

    @property
    def totals(self) -> Totals:
        return Totals(
            arrivals=len(self.arrivals),
            charged=len(self.charges),
            open=len({arrival.n for arrival in self.arrivals} - {charge.n for charge in self.charges}),
            input_tokens=sum(charge.billed.input for charge in self.charges),
            output_tokens=sum(charge.billed.output for charge in self.charges),
        )


class Books(Protocol):
    """Where a provider writes down what arrived and what it bills."""

    def next_number(self) -> int: ...

    def append(self, entry: Arrived | Charge) -> None: ...


class MemoryBooks:
    """Implements Books without a disk; gone with the process."""

    def __init__(self) -> None:
        self._arrivals: list[Arrived] = []
        self._charges: list[Charge] = []
        self._last = 0

    def next_number(self) -> int:
        self._last += 1
        return self._last

    def append(self, entry: Arrived | Charge) -> None:
        if isinstance(entry, Arrived):
            self._arrivals.append(entry)
        else:
            self._charges.append(entry)

    def ledger(self) -> Ledger:
        """All that was written down until now."""
        return Ledger(tuple(self._arrivals), tuple(self._charges))


_ARRIVED: Final = msgspec.json.Decoder(Arrived)
_CHARGE: Final = msgspec.json.Decoder(Charge)


class LedgerWriter:
    """Implements Books: appends to one file. Numbers go on where the file ends, so one file may serve several lives of the provider."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        # What a death in the middle of a write left of its line is cut off, as `Ledger.read` leaves it out.
        data = self.path.read_bytes()
        os.ftruncate(self._fd, data.rfind(b"\n") + 1)
        self._last = Ledger.of_lines(data.split(b"\n")[:-1]).last

    @property
    def last(self) -> int:
        return self._last

    def next_number(self) -> int:
        self._last += 1
        return self._last

    def append(self, entry: Arrived | Charge) -> None:
        """Writes one line. INVARIANT: it is with the operating system before this returns."""
        self._write(_encode(entry) + b"\n")

    def _write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._fd, data) :]

    def lines(self, since: int) -> Iterator[bytes]:
        """The lines on arrivals after number `since`, oldest first, at most LINES_READ_MAX of them."""
        sent = 0
        with self.path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n") and _NUMBER.decode(line).n > since:
                    yield line[:-1]
                    sent += 1
                    if sent == LINES_READ_MAX:
                        return

    def close(self) -> None:
        os.close(self._fd)


class _Number(msgspec.Struct):
    n: int = 0


_NUMBER: Final = msgspec.json.Decoder(_Number)
