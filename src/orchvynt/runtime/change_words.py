"""What is said of a policy that was asked for: what becomes of spending, and why it is not in force."""

from orchvynt.language.problems import Problem
from orchvynt.language.snapshot import Snapshot
from orchvynt.language.spending import spending_changes
from orchvynt.model.faults import Fault
from orchvynt.ports.checking import CheckingUnavailableError


def about_spending(old: Snapshot, new: Snapshot, file: str) -> list[Problem]:
    """Warnings: what was spent counts no more, or elsewhere."""
    changes = spending_changes(old.budgets, new.budgets)
    return [Problem(file, 1, 1, f"with this version, {one}", "budgets", severity="warning") for one in changes]


def overtaken(current: int, expected: int | None) -> Fault:
    return Fault(
        "conflict",
        f"Version {current} is in force, not {expected}: somebody applied a policy meanwhile.",
        "Look at `orchvynt history`, and apply again with --expect set to the version you have seen.",
        detail={"current": current, "expected": expected},
    )


def not_checked(error: CheckingUnavailableError) -> Fault:
    said = f"The policy could not be checked, so nothing was changed: {error}."
    return Fault("overloaded", said, "Try again; if it stays so, make the policy smaller.", retry_after_seconds=5)


def crowded() -> Fault:
    """Others were faster each time."""
    return Fault("conflict", "Other processes apply policies all the time, so nothing was applied.", "Look at `orchvynt history`.")
