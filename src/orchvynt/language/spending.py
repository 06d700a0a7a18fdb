"""What becomes of spend when a policy takes the place of another: what is carried to a new name, and what starts anew, in words.

Spend belongs to a budget's name, subject and window: a new limit keeps it, `was` carries it, and whatever else resets it is said.
"""

from collections.abc import Sequence
from typing import Final

from orchvynt.language.compiled_budgets import Budget

_ANEW: Final = "starts anew at zero"
_BY_CALENDAR: Final = ("hour", "day", "week", "month")


def carried(before: Sequence[Budget], after: Sequence[Budget]) -> list[tuple[str, str]]:
    """Which names spend is carried from and to: as `was` says, and back again where it is taken back (a rollback)."""
    old, new = {budget.name for budget in before}, {budget.name for budget in after}
    found = [(budget.was, budget.name) for budget in after if budget.was and budget.was not in new]
    back = [(budget.name, budget.was) for budget in before if budget.was and budget.name not in new and budget.was in new - old]
    return found + back


def spending_changes(before: Sequence[Budget], after: Sequence[Budget]) -> list[str]:
    """A line for each budget whose spend does not simply go on; in the order of the policy."""
    old = {budget.name: budget for budget in before}
    names = {budget.name for budget in after}
    moved = {to: name for name, to in carried(before, after) if name in old}
    left = [budget for name, budget in old.items() if name not in names and name not in moved.values()]
    lines = []
    for budget in after:
        former = moved.get(budget.name, budget.name)
        if former != budget.name:
            lines.append(f"budget {budget.name} carries what {former} has spent")
        known = old.get(former)
        if known is not None:
            lines += [f"budget {budget.name} {_ANEW}: {why}" for why in _resets(known, budget)]
        else:
            alike = next((one.name for one in left if _alike(one, budget)), "")
            lines += [f"budget {budget.name} {_ANEW}; `was: {alike}` would carry what {alike} has spent"] if alike else []
    return lines + [f"budget {budget.name} is removed, and what it has spent counts no more" for budget in left]


def _resets(known: Budget, budget: Budget) -> list[str]:
    """Why what was spent counts no more: at most one reason, the first."""
    if known.subject_of.strip() != budget.subject_of.strip():
        return [f"it counts by {budget.subject_of.strip()} instead of {known.subject_of.strip()}"]
    if (known.window, known.rolls_ns) != (budget.window, budget.rolls_ns):
        return ["its window is another one"]
    if known.timezone != budget.timezone and budget.window in _BY_CALENDAR:
        return [f"its windows begin by the clocks of {budget.timezone} instead of {known.timezone}"]
    return []


def _alike(one: Budget, other: Budget) -> bool:
    """Whether the two differ in nothing but the name, the limit and what stands around it."""
    keys = ("scope", "window", "rolls_ns")
    same = all(getattr(one, key) == getattr(other, key) for key in keys)
    return same and one.subject_of.strip() == other.subject_of.strip() and _text(one) == _text(other)


def _text(budget: Budget) -> str:
    return budget.when.text.strip() if budget.when is not None else ""
