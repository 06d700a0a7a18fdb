"""Whether a caller names more new subjects than it may: those of budgets that count by an expression."""

from orchvynt.decisions.identity.subjects import Subjects
from orchvynt.language.snapshot import Snapshot
from orchvynt.language.subjects import NOBODY
from orchvynt.lifecycle.state import State
from orchvynt.model.faults import Fault


def too_many_subjects(snapshot: Snapshot, state: State, at: int, subjects: Subjects) -> Fault | None:
    """A caller that names ever new subjects of a budget's `by` makes ever new budgets: that is bounded, as for scopes."""
    named: list[tuple[str, str]] = []
    for one in state.applied:
        by = snapshot.budgets[one.number].by
        if by is not None and one.subject != NOBODY:
            named.append((by.text.strip(), one.subject))
    if not named:
        return None
    key = state.invocation.key
    counted_by = subjects.beyond(key, named, at)
    return subjects.refusal(key, counted_by, at) if counted_by else None
