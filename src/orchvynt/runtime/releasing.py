"""What follows a written receipt: its hold is released, and thresholds of budgets that were passed with it go on record and are told."""

from collections.abc import Sequence
from typing import Final

from orchvynt.model import facts
from orchvynt.ports.journal import Journal, JournalUnavailableError
from orchvynt.runtime.admitting import Admitting
from orchvynt.runtime.counting import Counting

# Asked for each fact: `isinstance` with a look-up in a module costs three times as much.
_SETTLED: Final = facts.AttemptSettled
_VOIDED: Final = facts.HoldVoided


class Releasing:
    """Called with the facts of one life, after they are in the journal."""

    def __init__(self, admitting: Admitting, journal: Journal, counting: Counting) -> None:
        self._admitting = admitting
        self._journal = journal
        self._counting = counting

    def __call__(self, noted: Sequence[facts.AnyFact]) -> None:
        passed: list[facts.BudgetThresholdPassed] = []
        for fact in noted:
            kind = type(fact)
            if kind is _SETTLED:
                passed += self._admitting.release(fact.attempt, fact.reserved)  # type: ignore[union-attr]  # as its type says
            elif kind is _VOIDED:
                passed += self._admitting.release(fact.attempt)  # type: ignore[union-attr]  # as its type says
        if not passed:
            return
        try:
            self._journal.append(passed)
        except JournalUnavailableError:
            # It is told all the same: that a budget is spent must not depend on a disk that is full.
            self._counting.not_written()
        self._counting.passed(passed)
