"""Presidio is being asked what is in an answer: it is heard, or it is not, and then the answer is judged."""

from orchvynt.language.snapshot import Snapshot
from orchvynt.lifecycle.commands import AnyCommand, Close, Record
from orchvynt.lifecycle.endings import finished
from orchvynt.lifecycle.events import CallerGone, DeadlinePassed, LookedInto, ShutDown
from orchvynt.lifecycle.finding_out import find_out, give_up
from orchvynt.lifecycle.state import State
from orchvynt.lifecycle.waiting_callers import caller_wait_elapsed
from orchvynt.model import facts


def looked_into(snapshot: Snapshot, state: State, event: LookedInto) -> list[AnyCommand]:
    """What it found is counted; where it was not heard, the gates that hang on it close."""
    state.looked = {**state.looked, **event.found}
    state.unlooked = event.problem
    return find_out(snapshot, state, event, [])


def caller_gone(snapshot: Snapshot, state: State, event: CallerGone) -> list[AnyCommand]:
    """Nobody waits for the answer any more; one that is owed is judged all the same."""
    if state.owed:
        state.caller_present = False
        return [Record((facts.CallerWaits(state.invocation.id, event.at, "gone"),))]
    state.phase = "done"
    left = facts.CallerLeft(state.invocation.id, event.at, "looking")
    return [Record((left, *finished(state, event, "cancelled"))), Close()]


def time_up(snapshot: Snapshot, state: State, event: DeadlinePassed | ShutDown) -> list[AnyCommand]:
    """The answer is there and paid, so it is not thrown away: who was not heard by now is not heard."""
    why = "the server stopped" if isinstance(event, ShutDown) else "Presidio was not heard within `timeouts.invocation`"
    give_up(snapshot, state, event, why)
    commands = find_out(snapshot, state, event, [])
    if isinstance(event, ShutDown) and state.phase == "in_review":
        commands += caller_wait_elapsed(snapshot, state, event)
    return commands
