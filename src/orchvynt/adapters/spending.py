"""Rows of spend, as every store keeps them: what a batch adds, which are over, and what their budgets are called after a new policy."""

from collections.abc import Mapping
from typing import Final

from orchvynt.adapters.receipts import Receipts
from orchvynt.model.facts import AttemptSettled
from orchvynt.ports.carried import Carried

SpendKey = tuple[str, str, int, int, int]
"""Budget, subject, start of the window, its length if it rolls, and when it is over."""

Spend = dict[SpendKey, list[int]]
"""Nanos, tokens, output tokens (all of any size: stores bound the sum), invocations, and when the last of it was settled."""

ENDS_UNKNOWN: Final = -1
WINDOW_NS_MAX: Final = 32 * 86_400_000_000_000
"""The longest window by the calendar, and a day."""


def add_settled(spend: Spend, fact: AttemptSettled) -> None:
    """What an attempt cost, in each book that it was reserved in."""
    for part in fact.reserved:
        if part.subject == fact.inv:
            continue  # a budget per invocation: nobody asks for it again, and there would be a row for each
        key = (part.budget, part.subject, part.window, part.rolls_ns, part.ends_at)
        total = spend.get(key)
        if total is None:
            spend[key] = [part.nanos, part.tokens, part.output_tokens, part.invocations, fact.at]
        else:
            total[0] += part.nanos
            total[1] += part.tokens
            total[2] += part.output_tokens
            total[3] += part.invocations
            total[4] = fact.at


def spent_by(spend: Spend, receipts: Receipts, own: str, holders: Mapping[str, str]) -> dict[str, Spend]:
    """What each process spent of what it was leased, by its id: settlements of holds that others placed (`holders`, by attempt) are theirs,
    who died, and all else is `own`. `spend` and `receipts` are those of one batch."""
    if not holders:
        return {own: spend}
    found: dict[str, Spend] = {}
    for attempt, receipt in receipts.attempts.items():
        if receipt.settled is not None:
            add_settled(found.setdefault(holders.get(attempt, own), {}), receipt.settled)
    return found


def over(row_window: int, ends_at: int, at: int) -> bool:
    """Whether a row of spend is of a window that was over at `at`; `spend` and `forget_spend` of the SQL stores say the same."""
    return 0 < ends_at <= at or (ends_at == ENDS_UNKNOWN and row_window <= at - WINDOW_NS_MAX)


def renamed_now(known: Mapping[str, str], carried: Carried) -> dict[str, str]:
    """The old names of budgets, each with the one that it has after a policy; names that the policy has are their own."""
    found = dict(known)
    for was, name in carried.renamed:
        found = {old: name if new == was else new for old, new in found.items()} | {was: name}
    return {old: new for old, new in found.items() if old not in carried.names}


def book_renamed(budget: str, carried: Carried) -> str:
    """What a row's budget is called from now on; a budget's further books, `NAME#what`, go with it."""
    name, mark, what = budget.partition("#")
    for was, new in carried.renamed:
        name = new if name == was else name
    return f"{name}{mark}{what}"
