"""When something happens to a review that nobody decides: reminders, and the steps of its gate's escalation."""

from orchvynt.decisions.reviews.working_hours import due
from orchvynt.language.snapshot import Gate


def next_step(gate: Gate, opened_at: int, done: int = 0) -> tuple[int, str]:
    """The next step of a gate's escalation after `done` of them: when it is due (ns UTC; 0: never), and what it is: `reject`, or
    `to GROUP`."""
    if done >= len(gate.escalation):
        return 0, ""
    step = gate.escalation[done]
    return due(gate.hours, opened_at, step.after_ns), f"to {step.to}" if step.to else "reject"


def reminders(gate: Gate, opened_at: int) -> tuple[int, ...]:
    """When the reviewers are reminded (ns UTC), in order."""
    return tuple([due(gate.hours, opened_at, after) for after in gate.remind_ns])
