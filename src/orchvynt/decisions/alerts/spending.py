"""Which thresholds of budgets are to be told now: those of one budget and share together, so that many subjects make few messages.

A threshold is an event: it is told once, never repeated and never resolved. It stands until its window ends.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from orchvynt.model.facts import BudgetThresholdPassed

SECOND: Final = 1_000_000_000
WAIT_NS: Final = SECOND
"""So long the first waits for others of its kind."""
INTERVAL_NS: Final = 60 * SECOND
"""So far messages of one budget and share are apart."""
PENDING_MAX: Final = 1_000
"""Of so many subjects a message may speak by name; of the others it says how many there are."""
STANDING_MAX: Final = 10_000


class Reached(msgspec.Struct, frozen=True):
    """To be told now: subjects of one budget that reached this share of its limit, the first of them first. `more`: so many others."""

    budget: str
    share: int
    members: tuple[BudgetThresholdPassed, ...]
    more: int = 0


class _Group:
    __slots__ = ("begun", "last_told", "more", "pending")

    def __init__(self) -> None:
        self.pending: list[BudgetThresholdPassed] = []
        self.more = 0
        self.begun = 0
        self.last_told: int | None = None


class Spending:
    """All thresholds of one process. `changes` counts what a later process would have to know."""

    def __init__(self) -> None:
        self.changes = 0
        self._new: deque[BudgetThresholdPassed] = deque()
        self._groups: dict[tuple[str, int], _Group] = {}
        self._standing: dict[tuple[str, str, int], BudgetThresholdPassed] = {}

    def passed(self, one: BudgetThresholdPassed) -> None:
        """A threshold was passed. It is told at one of the next looks."""
        self._new.append(one)

    def take(self, at: int, mono: int) -> list[Reached]:
        """What is due. It counts as told."""
        while self._new:
            self._add(self._new.popleft(), mono)
        found = []
        for (budget, share), group in self._groups.items():
            if not group.pending or mono - group.begun < WAIT_NS:
                continue
            if group.last_told is not None and mono - group.last_told < INTERVAL_NS:
                continue
            found.append(Reached(budget, share, tuple(group.pending), group.more))
            group.pending, group.more, group.last_told = [], 0, mono
            self.changes += 1
        self._forget(at, mono)
        return found

    def _add(self, one: BudgetThresholdPassed, mono: int) -> None:
        self.changes += 1
        self._stand(one)
        group = self._groups.setdefault((one.budget, one.share), _Group())
        if not group.pending:
            group.begun = mono
        if len(group.pending) < PENDING_MAX:
            group.pending.append(one)
        else:
            group.more += 1

    def _stand(self, one: BudgetThresholdPassed) -> None:
        key = (one.budget, one.subject, one.window)
        known = self._standing.get(key)
        if known is None and len(self._standing) >= STANDING_MAX:
            del self._standing[next(iter(self._standing))]
        if known is None or known.share < one.share:
            self._standing[key] = one

    def _forget(self, at: int, mono: int) -> None:
        """Drops what stood for windows that are over, and groups that have had nothing to say for long."""
        if over := [key for key, one in self._standing.items() if 0 < one.resets_at <= at]:
            self.changes += 1
            for key in over:
                del self._standing[key]
        for name in [name for name, group in self._groups.items() if not group.pending and mono - (group.last_told or 0) >= INTERVAL_NS]:
            del self._groups[name]

    def standing(self) -> Sequence[BudgetThresholdPassed]:
        """The highest threshold of each subject in a window that goes on."""
        return list(self._standing.values())

    def pending(self) -> Sequence[BudgetThresholdPassed]:
        """What was passed and is not told yet."""
        return [*(one for group in self._groups.values() for one in group.pending), *self._new]

    def recall(self, standing: Iterable[BudgetThresholdPassed], pending: Iterable[BudgetThresholdPassed], mono: int) -> None:
        """What an earlier process left."""
        for one in standing:
            self._stand(one)
        for one in pending:
            self._add(one, mono)
