"""Grants: what people gave a subject on top of its budget's limit, for one window. Integers only; it knows no clock and no world.

A grant raises the limit of every hold that is weighed while it lasts: what is settled and held stays below the two together.
"""

from collections.abc import Iterator

import msgspec

from orchvynt.decisions.budgets.windows import placed_in
from orchvynt.language.compiled_budgets import Budget, Limits
from orchvynt.model.facts import BudgetGranted

Amounts = tuple[int, int]
"""Nano-dollars, and tokens."""

NOTHING: Amounts = (0, 0)


class Term(msgspec.Struct, frozen=True, gc=False):
    """How long a grant that is given now lasts: `until` is ns UTC, 0 for a lifetime; the others are those of BudgetGranted."""

    window: int
    rolls_ns: int
    until: int


def term(budget: Budget, now: int) -> Term:
    """Until the calendar's window ends; for the length of one that rolls; for good in a lifetime."""
    if budget.window == "rolling":
        return Term(0, budget.rolls_ns, now + budget.rolls_ns)
    start, end = placed_in(budget, now)
    return Term(start, 0, end)


class Grants:
    """Those that are in force in one process, by budget and subject; the ids of all of them. Empty, it costs a hold nothing."""

    __slots__ = ("_by_id", "_by_subject")

    def __init__(self) -> None:
        self._by_subject: dict[tuple[str, str], list[BudgetGranted]] = {}
        self._by_id: dict[str, BudgetGranted] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def add(self, given: BudgetGranted) -> None:
        """Once, whoever says it again."""
        if given.grant not in self._by_id:
            self._by_id[given.grant] = given
            self._by_subject.setdefault((given.budget, given.subject), []).append(given)

    def find(self, grant: str) -> BudgetGranted | None:
        return self._by_id.get(grant)

    def of(self, budget: Budget, subject: str, window: int, now: int) -> Amounts:
        """What the subject was given for the window that begins at `window`, or for one that rolls."""
        return _sum(self._in_force(budget, subject, window, now))

    def unasked(self, budget: Budget, subject: str, window: int, now: int) -> Amounts:
        """That part of it that no review gave: it is what `grant_max` bounds."""
        return _sum(given for given in self._in_force(budget, subject, window, now) if not given.review)

    def raised(self, limits: Limits, budget: Budget, subject: str, window: int, now: int) -> Limits:
        """The limits with what was granted on top of them; what is not limited stays so."""
        return on_top(limits, self.of(budget, subject, window, now))

    def subjects(self) -> Iterator[tuple[str, str]]:
        """The budgets and subjects that were granted something."""
        return iter(list(self._by_subject))

    def forget_subject(self, budget: str, subject: str) -> None:
        """The subject's life is over, and with it what was granted for it."""
        for given in self._by_subject.pop((budget, subject), ()):
            del self._by_id[given.grant]

    def forget_ended(self, now: int) -> None:
        for key, gifts in list(self._by_subject.items()):
            kept = [given for given in gifts if not 0 < given.until <= now]
            for given in gifts:
                if given not in kept:
                    del self._by_id[given.grant]
            if kept:
                self._by_subject[key] = kept
            else:
                del self._by_subject[key]

    def _in_force(self, budget: Budget, subject: str, window: int, now: int) -> Iterator[BudgetGranted]:
        # What was granted under the budget's former name goes on under its new one, as its spend does.
        for name in (budget.name, budget.was) if budget.was else (budget.name,):
            for given in self._by_subject.get((name, subject), ()):
                same = given.rolls_ns == budget.rolls_ns if budget.rolls_ns else given.window == window and not given.rolls_ns
                if same and not 0 < given.until <= now:
                    yield given


def on_top(limits: Limits, granted: Amounts) -> Limits:
    """Limits with an amount added; what is not limited stays so."""
    nanos, tokens = granted
    if not nanos and not tokens:
        return limits
    return msgspec.structs.replace(
        limits,
        nanos=None if limits.nanos is None else limits.nanos + nanos,
        tokens=None if limits.tokens is None else limits.tokens + tokens,
    )


def _sum(gifts: Iterator[BudgetGranted]) -> Amounts:
    nanos = tokens = 0
    for given in gifts:
        nanos += given.nanos
        tokens += given.tokens
    return nanos, tokens
