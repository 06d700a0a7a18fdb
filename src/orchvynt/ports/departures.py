"""What a store keeps of the callers of parked invocations: until when the same request finds them. Read as a part of `ports.store`."""

from typing import Protocol

import msgspec


class Departure(msgspec.Struct, frozen=True):
    """`left_at` is when its last caller was told to come back, or went away (ns UTC); 0 while one waits, as far as the record says.
    `claim_for_ns` is how long from then on the same request joins."""

    inv: str
    claim_for_ns: int
    left_at: int = 0


class Departures(Protocol):
    async def departures(self) -> list[Departure]:
        """One of each invocation that was ever parked, in no order."""
        ...
