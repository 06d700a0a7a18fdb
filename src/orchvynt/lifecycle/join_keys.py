"""What a retry of the same caller has in common with a parked invocation, and what of that is stored."""

import hashlib
from typing import Final

import msgspec

from orchvynt.lifecycle.state import State
from orchvynt.model.invocation import Idempotency, Invocation

KEYED: Final = "idempotency"


def join_key(state: State) -> str:
    """What a retry of the same caller has in common with the parked invocation: key, run, session, endpoint and body.

    What came with an idempotency key is found by that alone. A run that was inferred is forgotten with the
    process; a retry after a restart must join all the same."""
    if state.join_key:
        return state.join_key
    invocation = state.invocation
    if (key := invocation.idempotency) is not None:
        return "\n".join((KEYED, key.scope, key.request))
    body = hashlib.sha256(invocation.ask.body).hexdigest()
    claims = invocation.claims
    run = claims.run if claims.run_source != "inferred" else ""
    return "\n".join((invocation.caller, run, claims.session, invocation.endpoint, body))


def keyed(key: str) -> Idempotency | None:
    """The idempotency key in a join key; None if the invocation came without one."""
    kind, _, rest = key.partition("\n")
    if kind != KEYED:
        return None
    scope, _, request = rest.partition("\n")
    return Idempotency(scope, request)


def without_body(invocation: Invocation) -> Invocation:
    """The invocation without the caller's request, which nobody needs once the answer is parked."""
    return msgspec.structs.replace(invocation, ask=msgspec.structs.replace(invocation.ask, body=b""))
