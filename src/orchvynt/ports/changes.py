"""Changes of the policy that wait for people: what a store keeps of them. Read as a part of `ports.store`."""

from typing import Literal, Protocol

import msgspec

from orchvynt.model.facts import Vote

ChangeStatus = Literal["open", "approved", "rejected", "overtaken"]


class ChangeRow(msgspec.Struct, frozen=True):
    """A policy that would weaken what is protected in version `base`: `weakens` says what. It is put in force as its author asked for it.

    `approvers` is the group that decides; `may_bind`, `expected`, `commit` and `for_ns` are those of the apply. `version` is the one that
    it became, 0 if none. `revision` counts what was written of it."""

    change: str
    yaml: str
    digest: str
    file: str
    message: str
    author: str
    at: int
    base: int
    weakens: tuple[str, ...]
    approvers: str
    quorum: int
    not_author: bool
    may_bind: bool = False
    commit: str = ""
    for_ns: int = 0
    status: ChangeStatus = "open"
    votes: tuple[Vote, ...] = ()
    decided_at: int = 0
    decided_by: str = ""
    reason: str = ""
    version: int = 0
    revision: int = 0


class Changes(Protocol):
    async def add_change(self, row: ChangeRow) -> None: ...

    async def change(self, change: str) -> ChangeRow | None: ...

    async def changes(self, only_open: bool) -> list[ChangeRow]:
        """Oldest first; without the texts: `yaml` is empty. Of those that are decided at most 1,000, the newest."""
        ...

    async def put_change(self, row: ChangeRow) -> bool:
        """Writes the row in place of the one before it, whose revision is one less. False if it is not there, or somebody was faster."""
        ...
