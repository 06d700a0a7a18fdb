"""The gates that a life is asked about: those of its own snapshot, and those of a later policy that its request was judged again under."""

import msgspec

from orchvynt.language.snapshot import Gate, Snapshot
from orchvynt.lifecycle.state import State


def asked_gate(snapshot: Snapshot, state: State) -> Gate | None:
    """The gate of the review that is open, or was last; None where a budget asked."""
    answered = state.phase in ("in_review", "delivered")
    return own_gate(snapshot, state.review_gate) if answered else input_gate(snapshot, state, state.review_gate)


def own_gate(snapshot: Snapshot, name: str) -> Gate | None:
    return next((gate for gate in snapshot.gates if gate.name == name), None)


def input_gate(snapshot: Snapshot, state: State, name: str) -> Gate | None:
    """A later policy's gate goes before the snapshot's of the same name."""
    return next((gate for gate in state.later_gates if gate.name == name), None) or own_gate(snapshot, name)


def as_stored(gate: Gate) -> Gate:
    """The gate as a state can hold it: a condition cannot be stored, and what has matched needs none any more."""
    return msgspec.structs.replace(gate, when=None)


def covers(approved: Gate, gate: Gate) -> bool:
    """Whether what was approved under one policy is approved under another: the same group, no fewer people, no less strictly."""
    return (
        approved.name == gate.name
        and approved.reviewers == gate.reviewers
        and approved.quorum >= gate.quorum
        and approved.not_requester >= gate.not_requester
    )
