"""Rows of spend, as every store keeps them: which are over, and what their budgets are called after a new policy."""

from collections.abc import Mapping
from typing import Final

from orchvynt.ports.carried import Carried

ENDS_UNKNOWN: Final = -1
WINDOW_NS_MAX: Final = 32 * 86_400_000_000_000
"""The longest window by the calendar, and a day."""


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
