"""What a policy may not ask of several processes on one store, as long as they could not keep it right. Nowhere else is it refused."""

from collections.abc import Sequence

from orchvynt.language.snapshot import Snapshot
from orchvynt.ports.processes import ProcessRow, TakenOver
from orchvynt.ports.store import Store

_LOST = "UPDATE processes SET state = 'gone' WHERE process = '{}'"


async def others_of(store: Store, taken_over: Sequence[TakenOver]) -> list[ProcessRow]:
    """The other processes of a store that have not come to their end, if there may be any, and were not taken over."""
    known = {store.process, *(one.process for one in taken_over)}
    return [row for row in await store.processes() if row.process not in known and row.state != "gone"] if store.is_shared else []


def not_yet(snapshot: Snapshot, workers: int, others: Sequence[ProcessRow]) -> str:
    """Why this policy cannot be served by so many workers, or beside these other processes, and what helps; empty if it can."""
    if workers == 1 and not others:
        return ""
    asked = _asked(snapshot)
    if not asked:
        return ""
    if workers > 1:
        return f"{asked} several processes do not keep right together yet. Take it out of the policy, or serve with one worker."
    one = others[0]
    if one.out_of_reach:
        return (
            f"{asked} is counted without what may still stand in the journal {one.host}:{one.journal}, whose process did not come to its "
            f"end. Start serve with that journal. If it is lost, and only then: {_LOST.format(one.process)}"
        )
    return (
        f"{asked} several processes do not keep right together yet, and {one.host}:{one.pid} serves from this store, or did not come to "
        f"its end. Stop it, or start serve with its journal {one.journal}; or take this out of the policy, or name another database or "
        "search_path with --store."
    )


def _asked(snapshot: Snapshot) -> str:
    if snapshot.rate_limits:
        return f"its rate limit {snapshot.rate_limits[0].name}"
    return ""
