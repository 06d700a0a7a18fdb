"""What a retry of the same caller has in common with a parked invocation, and what of that is stored."""

import hashlib
from typing import Final

import msgspec

from orchvynt.lifecycle.state import State
from orchvynt.model.invocation import Idempotency, Invocation

KEYED: Final = "idempotency"
CANONICAL_BYTES_MAX: Final = 1 << 20


def join_key(state: State) -> str:
    """What a retry of the same caller has in common with the parked invocation: its place and its body.

    What came with an idempotency key is found by that alone."""
    if state.join_key:
        return state.join_key
    invocation = state.invocation
    if (key := invocation.idempotency) is not None:
        return "\n".join((KEYED, key.scope, key.request))
    return "\n".join((place(invocation), body_digest(invocation.ask.body)))


def place(invocation: Invocation) -> str:
    """Key, run, session and endpoint. A run that was inferred is forgotten with the process; a retry after a restart must join all the
    same."""
    claims = invocation.claims
    run = claims.run if claims.run_source != "inferred" else ""
    return "\n".join((invocation.caller, run, claims.session, invocation.endpoint))


def body_digest(body: bytes) -> str:
    """Of the JSON that a body holds, whatever the order of its names and its blanks: a client may write the same request anew. A large
    one is compared as it is, so that no event loop stands still for it."""
    if len(body) <= CANONICAL_BYTES_MAX:
        try:
            body = msgspec.json.encode(msgspec.json.decode(body), order="sorted")
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return raw_digest(body)
    return raw_digest(body)


def raw_digest(body: bytes) -> str:
    """Of the bytes: what older builds stored."""
    return hashlib.sha256(body).hexdigest()


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
