"""Drops from the store the spend that nobody asks for again: windows that were over long ago, and subjects that were idle."""

from typing import Final

from orchvynt.decisions.budgets.ledger import Ledger
from orchvynt.language.compiled_budgets import DAY_NS
from orchvynt.ports.clock import Clock
from orchvynt.ports.store import Store, StoreUnavailableError

KEPT_NS: Final = 40 * DAY_NS


class Forgetting:
    """What the ledger has forgotten is forgotten here as well, in that order: what cannot be dropped now is dropped the next time."""

    def __init__(self, store: Store, ledger: Ledger, clock: Clock) -> None:
        self._store = store
        self._ledger = ledger
        self._clock = clock

    @property
    def due(self) -> bool:
        return bool(self._ledger.forgotten)

    async def forget(self) -> None:
        gone, self._ledger.forgotten = self._ledger.forgotten, []
        try:
            # INVARIANT: no receipt of such a lifetime is filed after it is dropped.
            await self._store.settled()
            await self._store.forget_spend(self._clock.now() - KEPT_NS, [(one.budget, one.subject, one.window) for one in gone])
        except StoreUnavailableError:
            self._ledger.forgotten += gone
            return
        self._ledger.forgotten_in_store(gone)
