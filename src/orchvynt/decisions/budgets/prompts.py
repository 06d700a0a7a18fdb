"""Bounds what counting equal prompts takes: of all prompts that were counted, those that came last are kept.

A prompt that did not come again for so long is counted anew: it is no loop. Knows no clock and no store.
"""

from collections.abc import Iterable
from typing import Final

from orchvynt.decisions.budgets.ledger import AccountKey, Ledger, Line
from orchvynt.model.budget_facts import PROMPTS

# About 400 bytes each.
PROMPTS_MAX: Final = 100_000
LOOKED_AT: Final = 2_000


class Prompts:
    """The accounts of prompts in one ledger, in the order in which they were last held of. Those that are there already come first."""

    __slots__ = ("_keys", "_ledger", "_looking_at", "_most")

    def __init__(self, ledger: Ledger, most: int = PROMPTS_MAX) -> None:
        self._ledger = ledger
        self._most = most
        self._keys: dict[AccountKey, None] = {key: None for key, _ in ledger.entries() if key[0].endswith(PROMPTS)}
        self._looking_at: list[AccountKey] = []

    def came(self, lines: Iterable[Line]) -> None:
        """A hold was placed on these lines; what came least lately makes room. An account with an open hold stays."""
        for line in lines:
            if line.book != line.budget:
                self._keys.pop(line.key, None)
                self._keys[line.key] = None
        while len(self._keys) > self._most:
            oldest = next(iter(self._keys))
            del self._keys[oldest]
            self._ledger.forget((oldest,))

    def forget_gone(self) -> None:
        """Drops some of those whose account the ledger has dropped: their window is over, or they were idle. It takes all in turn."""
        if not self._looking_at:
            self._looking_at = list(self._keys)
        for key in self._looking_at[-LOOKED_AT:]:
            if not self._ledger.knows(key):
                self._keys.pop(key, None)
        del self._looking_at[-LOOKED_AT:]

    def is_idle(self, line: Line) -> bool:
        """Whether the line is a prompt's that nothing stands on: who waited for it has gone, and nobody has to keep it."""
        return line.book != line.budget and not self._ledger.account(line).settled_calls
