"""The chain of an invocation, and its fallback on record: the one place that knows where they stand."""

from orchvynt.language.snapshot import Chain, Snapshot
from orchvynt.lifecycle.events import AnyEvent
from orchvynt.lifecycle.state import State
from orchvynt.lifecycle.tiers import candidate_of
from orchvynt.model import facts


def chain_of(snapshot: Snapshot, state: State) -> Chain | None:
    """What was chosen when the invocation was routed; None where no chain serves it, or before that."""
    return snapshot.chains.get(state.chain)


def fallback_activated(state: State, event: AnyEvent, trigger: str, left: str) -> facts.FallbackActivated:
    """The candidate under way is asked instead of `left`. The first one begins the invocation's fallback, which ends with it."""
    if not state.fallback_at:
        state.fallback_trigger, state.fallback_at = trigger, event.at
    to = candidate_of(state)
    return facts.FallbackActivated(state.invocation.id, event.at, trigger, left, to.model, to.tier)
