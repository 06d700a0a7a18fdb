"""The record of an invocation as its own caller may read it."""

import msgspec

from orchvynt.lifecycle.explain.explanation import explain
from orchvynt.model.facts import InvocationReceived
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import caller_of
from orchvynt.ports.store import Store, StoreUnavailableError
from orchvynt.runtime.peers import Peers
from orchvynt.surfaces.api.poll_requests import no_invocation


async def record(peers: Peers, store: Store, inv: str, caller: str) -> bytes | Fault:
    """As JSON. What is not the caller's own is not there for it."""
    try:
        await peers.file()
        found = await store.facts(inv)
    except StoreUnavailableError as error:
        return Fault("store_unavailable", f"The store cannot be read: {error}.", retry_after_seconds=5)
    first = found[0] if found else None
    if not isinstance(first, InvocationReceived) or caller_of(first.key, first.key_id) != caller:
        return no_invocation(inv)
    return msgspec.json.encode(explain(found))
