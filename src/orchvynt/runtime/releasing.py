"""What follows a written receipt: its hold is released, and thresholds of budgets that were passed with it go on record and are told."""

from collections.abc import Sequence

from orchvynt.model import facts
from orchvynt.ports.journal import Journal, JournalUnavailableError
from orchvynt.runtime.admitting import Admitting
from orchvynt.runtime.counting import Counting


class Releasing:
    """Called with those facts of one life that end a hold, after they are in the journal."""

    def __init__(self, admitting: Admitting, journal: Journal, counting: Counting) -> None:
        self._admitting = admitting
        self._journal = journal
        self._counting = counting

    def __call__(self, ends: Sequence[facts.AnyFact]) -> None:
        passed: list[facts.BudgetThresholdPassed] = []
        for fact in ends:
            if isinstance(fact, facts.AttemptSettled):
                passed += self._admitting.release(fact.attempt, fact.reserved)
            elif isinstance(fact, facts.HoldVoided):
                passed += self._admitting.release(fact.attempt)
        if passed:
            self.tell(passed)

    def tell(self, passed: Sequence[facts.BudgetThresholdPassed]) -> None:
        """Thresholds that were passed: they go on record and are told."""
        try:
            self._journal.append(passed)
        except JournalUnavailableError:
            # It is told all the same: that a budget is spent must not depend on a disk that is full.
            self._counting.not_written()
        self._counting.passed(passed)
