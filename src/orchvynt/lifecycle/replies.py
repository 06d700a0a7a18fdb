"""The answer in canonical form, read once from what its provider sent, and what it is recognised by."""

import msgspec

from orchvynt.decisions.routing.names import resolve
from orchvynt.dialects import registry
from orchvynt.language.snapshot import Snapshot
from orchvynt.lifecycle.state import State
from orchvynt.lifecycle.tiers import candidate_of
from orchvynt.model.chat import Reply
from orchvynt.model.turns import Digest, digest_of

NANOS_PER_SECOND = 1_000_000_000


def reply_of(snapshot: Snapshot, state: State) -> Reply:
    """The answer in canonical form."""
    if state.reply is not None:
        return state.reply
    assert state.answer is not None
    model = resolve(snapshot, candidate_of(state).model)
    assert model is not None
    reply = registry.provider_for(model.provider.wire, state.invocation.dialect).to_reply(state.answer)
    # Anthropic names no instant; the arrival is the one that every reading of this answer agrees on.
    return reply if reply.created_s else msgspec.structs.replace(reply, created_s=state.invocation.at // NANOS_PER_SECOND)


def answer_said(snapshot: Snapshot, state: State) -> Digest:
    """The digest of the answer, by which a request that goes on with it is recognised."""
    if state.reply is None and state.answer is not None and state.answer.said is not None:
        found = state.answer.said
    else:
        reply = reply_of(snapshot, state)
        found = digest_of(reply.text + reply.refusal, [call.id for call in reply.tool_calls if call.id])
    return (found[0], found[1], ()) if state.invocation.dialect in registry.NAMELESS else found
