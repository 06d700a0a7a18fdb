"""`orchvynt test`: puts the machine of a server onto a world without one, for each test of a policy."""

from collections.abc import Callable

from orchvynt.adapters.memory.journal import open_memory_store
from orchvynt.adapters.upstream.client import HttpUpstream
from orchvynt.assembly.machine import Foundation, put_together
from orchvynt.language.compile import load
from orchvynt.language.snapshot import Snapshot
from orchvynt.rehearsal.running import Stage, rehearse
from orchvynt.rehearsal.world import NoSecrets, World
from orchvynt.runtime.keyring import Issued
from orchvynt.surfaces.rehearsed import Rehearsal


def run(text: str, file: str, fits: Callable[[str], bool]) -> Rehearsal:
    """Checks the policy, then runs those of its tests whose names fit. `file` is what positions are given in."""
    loaded = load(text, file)
    if loaded.snapshot is None:
        return Rehearsal(file, False, loaded.problems, ())
    items = rehearse(loaded.snapshot, file, fits, stage)
    left_out = len(loaded.snapshot.tests) - len(items)
    return Rehearsal(file, all(item.passed for item in items), loaded.problems, items, left_out)


async def stage(world: World, snapshot: Snapshot, key: str) -> Stage:
    """A server's machine over memory, in the world's time."""
    store, journal = open_memory_store()
    upstream = HttpUpstream(world.clock, tls=world.tls)
    made = await put_together(Foundation(store, world.journal(journal), world.clock, world.ids, NoSecrets(), upstream), snapshot)

    issued = await made.data_plane.reception.keyring.issue(key, "test") if key else None
    authorization = f"Bearer {issued.secret}" if isinstance(issued, Issued) else ""

    async def strike() -> None:
        await made.tasks.stop()
        await upstream.close()

    return Stage(made.data_plane, made.carrier, made.sweeping, store.facts, authorization, strike)
