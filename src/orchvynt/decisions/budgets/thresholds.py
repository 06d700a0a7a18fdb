"""When a share of a budget's limit is reached: by what is settled, for holds in flight may come back. Each is told once in a window.

All of it is reached at the latest when the budget turns an invocation away, or lowers its answer, with nothing in flight.
"""

from collections.abc import Iterable
from typing import Final, Literal

from orchvynt.decisions.budgets.ledger import Ledger, Line
from orchvynt.decisions.budgets.overflow import own_limits, used
from orchvynt.decisions.budgets.standing import Measure
from orchvynt.model.facts import BudgetThresholdPassed

WHOLE: Final = 10_000
TOLD_MAX: Final = 100_000
"""More subjects are not remembered: of the oldest one a threshold may be told again."""

Why = Literal["settled", "refused", "clamped"]


class Thresholds:
    """What was told of each budget, subject and window: the highest share. Only lines with thresholds may be asked about."""

    __slots__ = ("_ends", "_told")

    def __init__(self) -> None:
        self._told: dict[tuple[str, str, int], tuple[int, int]] = {}
        # The instants at which windows end of which something was told: few, however many subjects there are.
        self._ends: set[int] = set()

    def settled(self, line: Line, ledger: Ledger, inv: str, at: int) -> list[BudgetThresholdPassed]:
        """The thresholds that the settled amounts have reached and that were not told yet, the lowest first."""
        return self._passed(line, ledger, inv, at, "settled")

    def exhausted(self, line: Line, ledger: Ledger, inv: str, at: int, why: Why) -> list[BudgetThresholdPassed]:
        """The same once the budget stood in the way by itself: whatever it says, all of it is gone."""
        return self._passed(line, ledger, inv, at, why)

    def _passed(self, line: Line, ledger: Ledger, inv: str, at: int, why: Why) -> list[BudgetThresholdPassed]:
        terms, account = line.terms, ledger.account(line)
        furthest = max(used(own_limits(line), account), key=_share, default=None)
        if furthest is None:
            return []
        share = _share(furthest) if why == "settled" else max(WHOLE, _share(furthest))
        # A window that rolls is told of once in its length.
        window = at - at % terms.rolls_ns if terms.rolls_ns else line.window
        resets_at = window + terms.rolls_ns if terms.rolls_ns else line.resets_at
        told = self._told.get((terms.name, line.subject, window), (0, 0))[0]
        reached = [one for one in terms.alert_at if told < one <= share]
        if not reached:
            return []
        self._note(terms.name, line.subject, window, reached[-1], resets_at)
        unit, limit, settled, scope = furthest.unit, furthest.limit, furthest.settled, terms.subject_of
        return [
            BudgetThresholdPassed(inv, at, terms.name, line.subject, one, unit, limit, settled, why, window, resets_at, scope)
            for one in reached
        ]

    def _note(self, budget: str, subject: str, window: int, share: int, resets_at: int) -> None:
        key = (budget, subject, window)
        if key not in self._told and len(self._told) >= TOLD_MAX:
            del self._told[next(iter(self._told))]
        self._told[key] = (max(share, self._told.get(key, (0, 0))[0]), resets_at)
        if resets_at > 0:
            self._ends.add(resets_at)

    def recall(self, told: Iterable[BudgetThresholdPassed]) -> None:
        """What an earlier process told."""
        for one in told:
            self._note(one.budget, one.subject, one.window, one.share, one.resets_at)

    def forget_ended(self, now: int) -> None:
        """Drops the windows that are over. It is asked once a second, and looks at the subjects only when one is."""
        over = {end for end in self._ends if end <= now}
        if over:
            self._ends -= over
            self._told = {key: kept for key, kept in self._told.items() if kept[1] not in over}


def _share(one: Measure) -> int:
    """In parts of 10,000, rounded down: a threshold is not reached by rounding."""
    return one.settled * WHOLE // one.limit if one.limit else WHOLE
