"""Changes of the policy that wait for people, over a dict."""

import msgspec

from orchvynt.adapters.memory.part import MemoryPart
from orchvynt.ports.changes import ChangeRow

DECIDED_MAX = 1_000


class MemoryChanges(MemoryPart):
    """The part of the memory store that keeps them."""

    def __init__(self) -> None:
        super().__init__()
        self._changes: dict[str, ChangeRow] = {}

    async def add_change(self, row: ChangeRow) -> None:
        self._check_open()
        self._changes[row.change] = row

    async def change(self, change: str) -> ChangeRow | None:
        self._check_open()
        return self._changes.get(change)

    async def changes(self, only_open: bool) -> list[ChangeRow]:
        self._check_open()
        rows = sorted(self._changes.values(), key=lambda row: (row.at, row.change))
        decided = [] if only_open else [row for row in rows if row.status != "open"][-DECIDED_MAX:]
        return [msgspec.structs.replace(row, yaml="") for row in rows if row.status == "open" or row in decided]

    async def put_change(self, row: ChangeRow) -> bool:
        self._check_open()
        known = self._changes.get(row.change)
        if known is None or known.revision != row.revision - 1:
            return False
        self._changes[row.change] = msgspec.structs.replace(row, yaml=known.yaml)
        return True
