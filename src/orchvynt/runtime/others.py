"""What whoever puts a policy in force asks of the other processes that serve it, and what one that is alone there says to that."""

from typing import Protocol

import msgspec

from orchvynt.model.faults import Fault


class Replica(msgspec.Struct, frozen=True):
    """One process that serves, and the version that it serves since `since` (ns UTC). `trouble` is why it does not serve the newest."""

    name: str
    version: int
    digest: str
    since: int
    trouble: str = ""


class Others(Protocol):
    """Of the processes of one store all but this one. All raise StoreUnavailableError."""

    @property
    def there(self) -> bool:
        """Whether there may be any."""
        ...

    async def follower(self) -> str:
        """The file that one of them watches, so that it is the truth; empty where none does."""
        ...

    async def catch_up(self) -> None:
        """The newest version of the store is in force here when it returns, if it can be."""
        ...

    async def fault(self, yaml: str, file: str) -> Fault | None:
        """Why one of them cannot serve this policy. One that does not answer in time is not waited for."""
        ...

    async def told(self, version: int) -> tuple[Replica, ...]:
        """A version is in force here: the others, once they serve it, or after a second."""
        ...

    async def now(self) -> tuple[Replica, ...]:
        """The others and what they serve."""
        ...


class Nobody:
    """Implements Others where this process has the store to itself."""

    there = False

    async def follower(self) -> str:
        return ""

    async def catch_up(self) -> None:
        """Nobody else changes anything."""

    async def fault(self, yaml: str, file: str) -> Fault | None:  # noqa: ARG002 - the port's signature
        return None

    async def told(self, version: int) -> tuple[Replica, ...]:  # noqa: ARG002 - the port's signature
        return ()

    async def now(self) -> tuple[Replica, ...]:
        return ()
