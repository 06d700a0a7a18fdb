"""The machine as one table: (phase, event) → handler. What stands in neither table cannot happen; `step` says so.

After h11's `_state.py` (https://github.com/python-hyper/h11/blob/master/h11/_state.py): the protocol is data, not branches, and
the picture in the docs is drawn from it.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from orchvynt.language.snapshot import Snapshot
from orchvynt.lifecycle import admission, after_delivery, attempts, deciding, endings, going_on, judging, looking, waiting_callers
from orchvynt.lifecycle.commands import AnyCommand
from orchvynt.lifecycle.events import (
    Admitted,
    AnswerArrived,
    AnyEvent,
    AttemptFailed,
    BackoffElapsed,
    CallerGone,
    CallerJoined,
    CallerWaitElapsed,
    DeadlinePassed,
    EscalationDue,
    HoldsAwaited,
    LookedInto,
    NotAdmitted,
    ShutDown,
    StreamEnded,
    StreamOpenDue,
    StreamStarted,
    Voted,
)
from orchvynt.lifecycle.state import Phase, State

Handler = Callable[[Snapshot, State, Any], list[AnyCommand]]


class UnexpectedEventError(Exception):
    """An event came in a phase in which it cannot come: a defect of the runtime."""


class Row(NamedTuple):
    """One row: the handler, and every phase that it may lead to. `step` checks that it leads nowhere else."""

    handler: Handler
    leads_to: frozenset[Phase]


def _row(handler: Handler, *leads_to: Phase) -> Row:
    return Row(handler, frozenset(leads_to))


# Where the search for the next candidate may end.
_NEXT: Final[tuple[Phase, ...]] = ("admitting", "backing_off", "request_in_review", "done")

# What follows a whole answer: delivered, parked, or first looked into, and weighed by a judge.
_JUDGED: Final[tuple[Phase, ...]] = ("done", "in_review", "looking", "judging")

TABLE: Final[dict[tuple[Phase, type[AnyEvent]], Row]] = {
    ("new", CallerGone): _row(endings.left_at_once, "done"),
    ("admitting", Admitted): _row(admission.admitted, "attempting"),
    ("admitting", HoldsAwaited): _row(admission.holds_awaited, "admitting"),
    ("admitting", NotAdmitted): _row(admission.not_admitted, *_NEXT),
    ("admitting", CallerGone): _row(endings.caller_gone, "admitting", "done"),
    ("admitting", CallerJoined): _row(waiting_callers.caller_joined, "admitting"),
    ("admitting", CallerWaitElapsed): _row(waiting_callers.caller_wait_elapsed, "admitting"),
    ("admitting", DeadlinePassed): _row(endings.deadline_passed, "done"),
    ("admitting", ShutDown): _row(endings.shut_down, "done"),
    ("admitting", StreamOpenDue): _row(waiting_callers.stream_open_due, "admitting"),
    ("attempting", AnswerArrived): _row(attempts.answer_arrived, *_JUDGED),
    ("attempting", StreamStarted): _row(attempts.stream_started, "streaming"),
    ("attempting", StreamEnded): _row(attempts.stream_ended, *_JUDGED),
    ("attempting", AttemptFailed): _row(attempts.attempt_failed, *_NEXT),
    ("attempting", CallerGone): _row(endings.caller_gone, "attempting", "done"),
    ("attempting", CallerJoined): _row(waiting_callers.caller_joined, "attempting"),
    ("attempting", CallerWaitElapsed): _row(waiting_callers.caller_wait_elapsed, "attempting"),
    ("attempting", DeadlinePassed): _row(endings.deadline_passed, "done"),
    ("attempting", ShutDown): _row(endings.shut_down, "done"),
    ("attempting", StreamOpenDue): _row(waiting_callers.stream_open_due, "attempting"),
    ("streaming", StreamEnded): _row(attempts.stream_ended, "done", "looking", "judging"),
    ("streaming", AttemptFailed): _row(attempts.attempt_failed, "admitting", "done"),
    ("streaming", CallerGone): _row(endings.caller_gone, "done"),
    ("streaming", ShutDown): _row(endings.shut_down, "done"),
    ("backing_off", BackoffElapsed): _row(admission.backoff_elapsed, "admitting"),
    ("backing_off", CallerGone): _row(endings.caller_gone, "backing_off", "done"),
    ("backing_off", CallerJoined): _row(waiting_callers.caller_joined, "backing_off"),
    ("backing_off", CallerWaitElapsed): _row(waiting_callers.caller_wait_elapsed, "backing_off"),
    ("backing_off", DeadlinePassed): _row(endings.deadline_passed, "done"),
    ("backing_off", ShutDown): _row(endings.shut_down, "done"),
    ("backing_off", StreamOpenDue): _row(waiting_callers.stream_open_due, "backing_off"),
    ("looking", LookedInto): _row(looking.looked_into, *_JUDGED),
    ("looking", CallerGone): _row(looking.caller_gone, "looking", "done"),
    ("looking", CallerJoined): _row(waiting_callers.caller_joined, "looking"),
    ("looking", CallerWaitElapsed): _row(waiting_callers.caller_wait_elapsed, "looking"),
    ("looking", StreamOpenDue): _row(waiting_callers.stream_open_due, "looking"),
    ("looking", DeadlinePassed): _row(looking.time_up, "done", "in_review"),
    ("looking", ShutDown): _row(looking.time_up, "done", "in_review"),
    ("judging", Admitted): _row(judging.admitted, "judging"),
    ("judging", HoldsAwaited): _row(judging.holds_awaited, "judging"),
    ("judging", NotAdmitted): _row(judging.not_admitted, *_JUDGED),
    ("judging", AnswerArrived): _row(judging.answer_arrived, *_JUDGED),
    ("judging", AttemptFailed): _row(judging.attempt_failed, *_JUDGED),
    ("judging", CallerGone): _row(judging.caller_gone, "judging", "done"),
    ("judging", CallerJoined): _row(waiting_callers.caller_joined, "judging"),
    ("judging", CallerWaitElapsed): _row(waiting_callers.caller_wait_elapsed, "judging"),
    ("judging", StreamOpenDue): _row(waiting_callers.stream_open_due, "judging"),
    ("judging", DeadlinePassed): _row(judging.time_up, "done", "in_review"),
    ("judging", ShutDown): _row(judging.time_up, "done", "in_review"),
    ("in_review", Voted): _row(deciding.voted, "done", "in_review"),
    ("in_review", EscalationDue): _row(deciding.escalation_due, "done", "in_review"),
    ("in_review", CallerWaitElapsed): _row(waiting_callers.caller_wait_elapsed, "in_review"),
    ("in_review", CallerGone): _row(waiting_callers.caller_left_review, "in_review"),
    ("in_review", CallerJoined): _row(waiting_callers.caller_joined, "in_review"),
    ("in_review", StreamOpenDue): _row(waiting_callers.stream_open_due, "in_review"),
    ("in_review", ShutDown): _row(waiting_callers.caller_wait_elapsed, "in_review"),
    ("request_in_review", Voted): _row(going_on.voted, "admitting", "request_in_review", "done"),
    ("request_in_review", EscalationDue): _row(deciding.escalation_due, "done", "request_in_review"),
    ("request_in_review", CallerWaitElapsed): _row(waiting_callers.caller_wait_elapsed, "request_in_review"),
    ("request_in_review", CallerGone): _row(waiting_callers.caller_left_review, "request_in_review"),
    ("request_in_review", CallerJoined): _row(waiting_callers.caller_joined, "request_in_review"),
    ("request_in_review", StreamOpenDue): _row(waiting_callers.stream_open_due, "request_in_review"),
    ("request_in_review", ShutDown): _row(waiting_callers.caller_wait_elapsed, "request_in_review"),
    ("delivered", Voted): _row(after_delivery.voted, "done"),
    ("delivered", EscalationDue): _row(after_delivery.escalation_due, "done", "delivered"),
}

# Timers and callers that come too late to matter.
LATE: Final[frozenset[tuple[Phase, type[AnyEvent]]]] = frozenset(
    {
        ("streaming", DeadlinePassed),
        ("in_review", DeadlinePassed),
        ("request_in_review", DeadlinePassed),
        ("done", CallerGone),
        ("done", DeadlinePassed),
        ("done", CallerWaitElapsed),
        ("done", StreamOpenDue),
        ("done", EscalationDue),
        ("done", ShutDown),
        ("done", BackoffElapsed),
    }
)


def step(snapshot: Snapshot, state: State, event: AnyEvent) -> list[AnyCommand]:
    """One step of a life: the event changes `state` and gives the commands to perform, in order.

    The first event, Received, goes through `admission.begin`, which also takes the values that rules read; JudgedAgain through
    `going_on.judged_again`.
    Raises UnexpectedEventError.
    """
    key = (state.phase, type(event))
    row = TABLE.get(key)
    if row is None:
        if key in LATE:
            return []
        raise UnexpectedEventError(f"{type(event).__name__} in phase {state.phase} of {state.invocation.id}")
    commands = row.handler(snapshot, state, event)
    assert state.phase in row.leads_to, f"{key} led to {state.phase}"
    return commands
