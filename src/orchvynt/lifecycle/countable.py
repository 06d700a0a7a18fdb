"""The body whose tokens are counted: what the candidate under way would be sent, in the form of OpenAI."""

from typing import Final

from orchvynt.decisions.routing.names import resolve
from orchvynt.dialects import registry
from orchvynt.dialects.shapes import UnsupportedError
from orchvynt.language.snapshot import Snapshot
from orchvynt.lifecycle.state import State
from orchvynt.lifecycle.tiers import candidate_of

TRANSLATED_BYTES_MAX: Final = 262_144
"""Writing a body in another form is the event loop's work, about 2 ms at this size."""


def countable(snapshot: Snapshot, state: State) -> bytes | None:
    """The caller's own body, or its translation. None where it cannot be translated, or where that takes too long."""
    model, invocation = resolve(snapshot, candidate_of(state).model), state.invocation
    assert model is not None
    caller, ask = registry.caller(invocation.dialect), invocation.ask
    dialect = registry.provider(model.provider.wire)
    if dialect.caller_twin == caller.name:
        return ask.body
    if len(ask.body) > TRANSLATED_BYTES_MAX:
        return None
    try:
        return dialect.write_request(caller.chat(ask), model.upstream_model, None).body
    except UnsupportedError:
        return None
