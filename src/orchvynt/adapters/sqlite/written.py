"""What the writer's thread writes to, in whichever database."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from orchvynt.adapters.journal.positions import Frame, Position
from orchvynt.adapters.sql import Connection
from orchvynt.adapters.sqlite.auditing import AuditChain

T = TypeVar("T")


class Filing(Protocol):
    """What a writer writes to. `position` is up to where the journal is committed there; all raise StoreUnavailableError."""

    @property
    def chain(self) -> AuditChain: ...

    @property
    def position(self) -> Position: ...

    def file(self, frames: list[Frame], position: Position) -> None: ...

    def transaction(self, work: Callable[[Connection], T], durable: bool) -> T: ...

    def transaction_without_traces(self, work: Callable[[Connection], T], durable: bool) -> T: ...
