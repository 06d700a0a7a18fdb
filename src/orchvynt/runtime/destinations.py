"""What an operator sees of destinations: read as a part of `runtime.control`."""

from typing import Protocol

import msgspec

from orchvynt.model.faults import Fault
from orchvynt.ports.outbox import MessageRow


class DestinationLine(msgspec.Struct, frozen=True):
    """How a destination is: how many messages wait for it, how many were given up, and why the last one was not taken."""

    name: str
    waiting: int = 0
    undeliverable: int = 0
    problem: str = ""


class Tested(msgspec.Struct, frozen=True):
    """What came back of a test message. `why` is empty if it was taken, and `said` then what the receiver answered."""

    why: str
    said: str


class Notifying(Protocol):
    """What an operator may ask of destinations."""

    def destinations(self) -> list[DestinationLine]:
        """Those of the policy in force."""
        ...

    async def test_destination(self, name: str, by: str) -> Tested | Fault:
        """One message at once. Raises StoreUnavailableError."""
        ...

    async def resend(self, message: str) -> MessageRow | Fault:
        """An undeliverable message waits once more. Raises StoreUnavailableError."""
        ...
