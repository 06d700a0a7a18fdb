"""The tier that an invocation is at. It stands apart from the state so that it can be compiled (docs/decisions/053-compiled.md)."""

from orchvynt.lifecycle.state import State
from orchvynt.model.candidates import CandidateChosen


def candidate_of(state: State) -> CandidateChosen:
    """Whom it asks now."""
    return state.candidates[state.tier - 1]
