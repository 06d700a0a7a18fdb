"""Leases of budgets: portions that the store has committed to one process each, where several processes share it.

What a question may have (`decisions.budgets.leasing`) is decided within the store's own transaction, over what is settled there and all
leases. Windows are those of the store's clock. Filing a receipt takes from the lease of the process whose journal it came from, in the
same transaction.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from orchvynt.decisions.budgets.accounts import AccountKey
from orchvynt.decisions.budgets.leasing import Asked, Given, Lease
from orchvynt.decisions.budgets.portions import Portion


class LeaseAnswer(msgspec.Struct, frozen=True):
    """`given` in the order of the questions; `now` is the store's clock, in ns UTC."""

    now: int
    given: tuple[Given, ...]


class Recall(msgspec.Struct, frozen=True):
    """Others wait for `wanted` of an account of which this process has a lease, and came before whoever waits here."""

    key: AccountKey
    wanted: Portion


class LeaseRow(msgspec.Struct, frozen=True):
    """One account as all processes have it: what is settled in the store, and the leases."""

    key: AccountKey
    settled: Portion
    leases: tuple[Lease, ...]


class LeaseStore(Protocol):
    async def lease(self, process: str, asked: Sequence[Asked]) -> LeaseAnswer:
        """All questions in one transaction, in one turn to the store. The answer may be lost and the grant stay: whoever asks again learns
        of it. Raises StoreUnavailableError; then it is not known whether anything was granted."""
        ...

    async def recalls(self, process: str) -> list[Recall]: ...

    async def leases(self, now: int) -> list[LeaseRow]:
        """Every account whose window is not over at `now` that has leases, by key."""
        ...

    async def end_leases(self, process: str) -> None:
        """The process is gone, and all that its journal held is filed: what was left of its leases is free. Until then it counts as
        spent."""
        ...
