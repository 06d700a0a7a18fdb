"""What a store keeps of messages: what is still to be told of reviews, messages on their way, and where earlier ones went.

News are filed with the fact that they are about, in one transaction: what was journalled is told, whenever the process dies.
"""

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

MessageStatus = Literal["waiting", "undeliverable"]


class News(msgspec.Struct, frozen=True):
    """One fact of a review (as JSON, without its state) that is to be told. `destination` is empty until it is known who is told."""

    seq: int
    destination: str
    fact: bytes


class MessageRow(msgspec.Struct, frozen=True):
    """A message to a destination of the policy. Those of one `line` are delivered in their order. `since` is ns UTC. `answers` is the
    earlier message in whose thread it belongs, empty for none; `closes` whether nothing is to be decided there any more.

    `failures` counts the sends that failed; `why` is the last one's reason. One that is `undeliverable` waits for a person."""

    id: str
    destination: str
    line: str
    body: bytes
    since: int
    answers: str = ""
    closes: bool = False
    failures: int = 0
    status: MessageStatus = "waiting"
    why: str = ""


class Told(msgspec.Struct, frozen=True):
    """`destination` was told of an open `review` by the message `message`; `alone` if that is about nothing else."""

    destination: str
    review: str
    message: str
    alone: bool


class Failed(msgspec.Struct, frozen=True):
    """A message that was not taken, and how it stands now."""

    id: str
    failures: int
    why: str
    status: MessageStatus


class Delivered(msgspec.Struct, frozen=True):
    """`reference` is where the channel has it (Slack: channel and timestamp), empty where nobody asks for it again. `at` is ns UTC."""

    id: str
    reference: str
    at: int


class OutboxChange(msgspec.Struct, frozen=True):
    """What changes together, or not at all. `heard` are the numbers of news that were told, or that nobody wants; `news` come anew, for
    destinations. `untold` are pairs of destination and review. `again` are messages that are sent once more, as of the instant."""

    heard: Sequence[int] = ()
    news: Sequence[News] = ()
    messages: Sequence[MessageRow] = ()
    told: Sequence[Told] = ()
    untold: Sequence[tuple[str, str]] = ()
    failed: Sequence[Failed] = ()
    delivered: Sequence[Delivered] = ()
    again: Sequence[tuple[str, int]] = ()


class OutboxStore(Protocol):
    async def news(self, limit: int, after: int = 0, assigned: bool = False) -> list[News]:
        """The oldest behind the number `after`: those without a destination yet, or those `assigned` to one."""
        ...

    async def messages(self, status: MessageStatus, limit: int, after: str = "") -> list[MessageRow]:
        """The oldest behind the message `after`, without their bodies."""
        ...

    async def message(self, message: str) -> MessageRow | None: ...

    async def undeliverable(self) -> dict[str, int]:
        """How many there are, by destination."""
        ...

    async def told(self, destination: str, reviews: Sequence[str]) -> list[Told]: ...

    async def reference(self, message: str) -> str:
        """Where a delivered message went; empty if that is not known."""
        ...

    async def change_outbox(self, change: OutboxChange) -> None:
        """Durable when it returns. A message whose id is there already is left as it is."""
        ...

    async def forget_messages(self, before: int) -> None:
        """Drops what is undeliverable since before `before` (ns UTC), and where messages of before went."""
        ...
