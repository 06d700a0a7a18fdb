"""What processes of one store keep there for one another: which policy each serves, questions of one to another, what one does for all
of them, and who decides about a review. Read as a part of `ports.store`.

Processes are known by their ids (`ports.processes`). Instants are ns UTC by the store's clock, which all of them share.
"""

from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from orchvynt.ports.parked import ParkedRow


class Pulse(msgspec.Struct, frozen=True):
    """Whether anything changed: the store's clock, the version in force, the number of the newest change of a review, and how often
    secrets changed. Read once a second, so that a hint that was lost costs no more than that."""

    now: int
    policy: int
    reviews: int
    keys: int


class Served(msgspec.Struct, frozen=True):
    """What a process serves since `since`. `follows` is the file that it watches, empty where it watches none. `trouble` is why it could
    not put the newest version in force; empty where it could."""

    process: str
    name: str
    version: int
    digest: str
    since: int
    follows: str = ""
    trouble: str = ""


class Question(msgspec.Struct, frozen=True):
    """Something that `by` asks the process `to`. `what` names it, `body` is JSON."""

    id: str
    to: str
    by: str
    what: str
    body: bytes


class Tenure(msgspec.Struct, frozen=True):
    """Who does `name` for all processes now. `said` is what it said of it when it began."""

    name: str
    process: str
    said: str


class PeerStore(Protocol):
    async def pulse(self) -> Pulse: ...

    async def put_served(self, served: Served) -> None: ...

    async def served(self) -> list[Served]:
        """Of all processes that have said it and were not forgotten."""
        ...

    async def ask(self, question: Question) -> None: ...

    async def questions(self, to: str) -> list[Question]:
        """Those that wait for a process, oldest first."""
        ...

    async def answer(self, question: str, answer: bytes) -> bool:
        """False if nobody waits for it any more."""
        ...

    async def answer_to(self, question: str) -> bytes | None: ...

    async def take_back(self, question: str) -> None:
        """Whoever asked has the answer, or does not wait for it any more."""
        ...

    async def take_tenure(self, name: str, process: str, for_ns: int, said: str = "") -> Tenure:
        """Takes it, or goes on with it, for so long (0: until it is ended), unless another process has it: then that one is given. Exactly
        one has it at any time."""
        ...

    async def end_tenures(self, ended: Sequence[Tenure]) -> None:
        """Those that are still as they were taken."""
        ...

    async def forget_peer(self, process: str) -> None:
        """It is gone: what it served, what was asked of it, and what it did for all."""
        ...

    async def changed_reviews(self, after: int, limit: int) -> list[tuple[int, str]]:
        """Which invocations in review changed behind the change of this number, oldest first: numbers and invocations. A change that is
        given comes behind all that were given before. The oldest are dropped in time (`REVIEW_CHANGES_KEPT`)."""
        ...

    async def parked_of(self, invocations: Sequence[str]) -> list[ParkedRow]:
        """The reviews of these, in the order of their opening."""
        ...

    async def review_owner(self, review: str) -> str:
        """Which process decides about an open review; empty for none."""
        ...

    async def adopt_review(self, review: str, was: str, process: str) -> bool:
        """From now on `process` decides about it. False if that was not `was` any more, or it is not open."""
        ...

    async def adopt_reviews(self, process: str, living: Sequence[str]) -> list[str]:
        """The same for all open ones that none of the `living` decides about: their invocations."""
        ...

    async def cut_off(self, process: str, at: int) -> None:
        """A process is gone, and all of its journal is here: whoever waited there for people was cut off, and comes back. So may who was
        waiting for what was decided within `TOLD_NS` before: whether it still got its answer nobody knows."""
        ...


REVIEW_CHANGES_KEPT: Final = 50_000
TOLD_NS: Final = 600_000_000_000
