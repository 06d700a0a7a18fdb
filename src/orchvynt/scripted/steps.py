"""What an answer does on its connection, as values: send, wait, bill, hang, end. Planning makes them, `performing.py` does them."""

from typing import Literal

import msgspec


class Send(msgspec.Struct, frozen=True):
    """Write these bytes; with them, so many output tokens count as generated."""

    data: bytes
    tokens: int = 0


class Wait(msgspec.Struct, frozen=True):
    """Let time pass. Zero seconds let what was written leave first."""

    seconds: float


class Settle(msgspec.Struct, frozen=True):
    """Write the bill: everything, or what was generated so far. INVARIANT: stands before the bytes that end the answer."""

    how: str
    everything: bool = True


class Hang(msgspec.Struct, frozen=True):
    """Say nothing more until the caller goes away; then bill what was generated so far."""

    how: str


class End(msgspec.Struct, frozen=True):
    """The exchange is over: the connection stays open, is closed (FIN), or is reset (RST)."""

    how: Literal["keep", "close", "reset"]


Step = Send | Wait | Settle | Hang | End
