"""Processes of one store, as tests make them."""

from orchvynt.ports.clock import Ids
from orchvynt.ports.store import Store
from orchvynt.ports.wakeups import Alone
from orchvynt.runtime.peers import Peers
from orchvynt.runtime.tasks import Tasks


def alone(store: Store, ids: Ids, tasks: Tasks | None = None) -> Peers:
    """One that has the store to itself."""
    return Peers(store, Alone(), ids, tasks or Tasks(), "prc_1")
