"""Callers whose invocation is parked: told where its answer will be, kept alive, gone, and back again."""

from orchvynt.language.snapshot import Snapshot
from orchvynt.lifecycle.commands import AnyCommand, OpenHeldStream, Record, Refuse
from orchvynt.lifecycle.events import CallerGone, CallerJoined, CallerWaitElapsed, ShutDown, StreamOpenDue
from orchvynt.lifecycle.state import State
from orchvynt.model import facts
from orchvynt.model.faults import Fault

PENDING_RETRY_AFTER_S = 3


def caller_wait_elapsed(snapshot: Snapshot, state: State, event: CallerWaitElapsed | ShutDown) -> list[AnyCommand]:
    """The caller is told where its answer will be; the invocation stays parked."""
    state.caller_present = False
    waits = facts.CallerWaits(state.invocation.id, event.at, "pending")
    return [Record((waits,)), Refuse(pending(state))]


def pending(state: State) -> Fault:
    """409: the answer waits for a human review, or for the attempt that its approval let through."""
    invocation, review, gate = state.invocation.id, state.review, state.review_gate
    if state.phase == "request_in_review":
        what = f"people to grant more of {gate}" if state.wanted is not None else f"a human review at gate {gate}"
        said = f"The call waits, before anything is sent, for {what}."
    elif state.owed:
        said = f"Review {review} was approved, and the answer is on its way."
    else:
        said = f"The answer waits for a human review at gate {gate}."
    return Fault(
        "hitl_pending",
        said,
        f"Send the same request again to join it, or poll /v1/invocations/{invocation}/result?wait=30s.",
        detail={"invocation_id": invocation, "review_id": review, "gate": gate, "poll": f"/v1/invocations/{invocation}/result"},
        retry_after_seconds=PENDING_RETRY_AFTER_S,
    )


def caller_left_review(snapshot: Snapshot, state: State, event: CallerGone) -> list[AnyCommand]:
    """The answer stays parked; it reaches the caller when it comes back."""
    state.caller_present = False
    return [Record((facts.CallerWaits(state.invocation.id, event.at, "gone"),))]


def caller_joined(snapshot: Snapshot, state: State, event: CallerJoined) -> list[AnyCommand]:
    state.caller_present = True
    return [Record((facts.CallerWaits(state.invocation.id, event.at, "joined"),))]


def stream_open_due(snapshot: Snapshot, state: State, event: StreamOpenDue) -> list[AnyCommand]:
    """Clients give up on a status line that does not come, so a held stream is opened and kept alive."""
    state.stream_opened = True
    held = facts.CallerWaits(state.invocation.id, event.at, "held")
    return [Record((held,)), OpenHeldStream()]
