"""The chain of an invocation: the one place that knows where it stands."""

from orchvynt.language.snapshot import Chain, Snapshot
from orchvynt.lifecycle.state import State


def chain_of(snapshot: Snapshot, state: State) -> Chain | None:
    """What was chosen when the invocation was routed; None where no chain serves it, or before that."""
    return snapshot.chains.get(state.chain)
