"""What processes of one store say to one another: that something changed there. Only hints: what is true is always read from the store.

A hint arrives at least once at each process that listens, or that process hears `EVERYTHING`: it may have missed some.
"""

from collections.abc import Callable
from typing import Final, Literal, Protocol

Topic = Literal[
    "everything", "policy", "served", "keys", "reviews", "asked", "answered", "file", "filed", "held", "health", "messages", "leases"
]
"""`policy`: another version is in force. `served`: a process serves it. `keys`: secrets changed. `reviews`: some changed. `asked`,
`answered`: questions between processes (`ports.peers`). `file`: somebody waits for what is in the journals; `filed`: it is in the store.
`held`: an idempotency key is free. `health`: how a provider's route stands. `messages`: some wait to be delivered.
`leases`: a process waits for more of a budget, or has given some back."""

EVERYTHING: Final = "everything"
PAYLOAD_BYTES_MAX: Final = 2_000

Heard = Callable[[Topic, str], None]
"""Topic and payload. Called on the event loop."""


class Wakeups(Protocol):
    """Of one process. It never hears itself."""

    @property
    def alone(self) -> bool:
        """No other process can be there: nobody has to be asked."""
        ...

    def listen(self, heard: Heard) -> None:
        """Adds somebody who is told of every hint."""
        ...

    def tell(self, topic: Topic, payload: str = "") -> None:
        """Every other process, soon. Never waits, never raises. Tell what is committed in the store, not what will be."""
        ...

    async def start(self) -> None:
        """From here on hints arrive. One that cannot be heard yet is heard as `EVERYTHING` later."""
        ...

    async def close(self) -> None: ...


class Alone:
    """Implements `Wakeups` where one process has the store to itself."""

    alone = True

    def listen(self, heard: Heard) -> None:
        """There is nothing to hear."""

    def tell(self, topic: Topic, payload: str = "") -> None:
        """There is nobody to tell."""

    async def start(self) -> None:
        """Nothing begins."""

    async def close(self) -> None:
        """Nothing ends."""
