"""Rate limits that several processes share: their buckets are in the store, and whoever comes in is counted there.

A turn (`decisions.limits.turns`) is decided within a transaction of the store, over the buckets of all processes. Nothing of it needs to
survive a loss of power: limits that are full again are what a restart begins with.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from orchvynt.decisions.limits.buckets import Bucket
from orchvynt.decisions.limits.turns import Decided, RateTurn
from orchvynt.language.compiled_budgets import RateLimit


class RateAnswer(msgspec.Struct, frozen=True):
    """`decided` in the order of those who asked to enter; `now` is the store's clock, in ns UTC."""

    now: int
    decided: tuple[Decided, ...]


class RateStore(Protocol):
    async def take_rate_turn(self, process: str, turn: RateTurn) -> RateAnswer:
        """Raises StoreUnavailableError; then it is not known whether anybody was counted. What a process that is gone or out of reach had
        running counts no more."""
        ...

    async def rate_buckets(self, limits: Sequence[RateLimit]) -> list[tuple[RateLimit, str, Bucket]]:
        """Every subject of these limits that says something, up to now, by limit and subject."""
        ...

    async def end_rates(self, process: str) -> None:
        """The process is gone: nothing runs in it."""
        ...
