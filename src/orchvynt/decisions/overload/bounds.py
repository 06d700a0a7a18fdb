"""What a process takes on at most, whatever its queue: invocations that are open, facts that are not filed yet, room on the disk. Pure.

Each priority has a bound of its own, the lower ones the tighter: what is full of one is still open to the higher ones.
"""

from collections.abc import Collection
from typing import Final

import msgspec

from orchvynt.decisions.overload.quota import Priority

MIB: Final = 1024 * 1024
OPEN_MAX: Final = 16_384
UNFILED_BYTES_MAX: Final = 512 * MIB
"""Of facts in the journal that are not in the store: more than half an hour of calls that nobody can look up would be in them."""
FREE_BYTES: Final = 64 * MIB
"""Left on the journal's disk for what is under way, which has to be settled; on a small disk a twentieth of it."""

_OPEN_PARTS: Final[dict[Priority, int]] = {"low": 14, "normal": 18, "high": 20}
_UNFILED_PARTS: Final[dict[Priority, int]] = {"low": 5, "normal": 10, "high": 20}
_WHOLE: Final = 20


class Backlog(msgspec.Struct, frozen=True):
    """What is written and not filed. `stopped`: the store is away, and what the policy says of outages holds, not a bound of these. A disk
    of `disk_bytes` (0: unknown) has `free_bytes` left."""

    unfiled_bytes: int = 0
    stopped: bool = False
    free_bytes: int = 0
    disk_bytes: int = 0

    @property
    def disk_full(self) -> bool:
        return self.free_bytes < min(FREE_BYTES, self.disk_bytes // 20)


def open_bound(most: int, priority: Priority, known: Collection[Priority]) -> int:
    """How many may be open before one of this priority is refused. Room is left only for a higher one that the policy knows."""
    ranks = list(_OPEN_PARTS)
    if not any(higher in known for higher in ranks[ranks.index(priority) + 1 :]):
        return most
    return max(1, most * _OPEN_PARTS[priority] // _WHOLE)


def unfiled_bound(most: int, priority: Priority) -> int:
    """How many bytes may wait to be filed before one of this priority is refused."""
    return most * _UNFILED_PARTS[priority] // _WHOLE
