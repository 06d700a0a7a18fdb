"""The snapshot in force, and those that parked invocations are still pinned to."""

from collections import OrderedDict
from typing import Final

import msgspec

from orchvynt.language.compile import load
from orchvynt.language.problems import Problem
from orchvynt.language.snapshot import Snapshot
from orchvynt.ports.store import PolicyRow, Store

KEPT_VERSIONS: Final = 16


class PolicyMissingError(Exception):
    """An invocation is pinned to a version that the store does not have, or that this build cannot compile."""


class Policies:
    """`current` is what new invocations are pinned to; it changes in one assignment.

    `drift` says in words how the file given at the start differs from it; empty when it does not.
    """

    def __init__(self, store: Store, current: Snapshot) -> None:
        self._store = store
        self._kept: OrderedDict[int, Snapshot] = OrderedDict({current.version: current})
        self.current = current
        self.drift = ""

    def put_in_force(self, snapshot: Snapshot) -> None:
        self.current = snapshot
        self._keep(snapshot)

    def _keep(self, snapshot: Snapshot) -> None:
        self._kept[snapshot.version] = snapshot
        while len(self._kept) > KEPT_VERSIONS:
            self._kept.popitem(last=False)

    async def version(self, number: int) -> Snapshot:
        """The snapshot of an earlier version. Raises PolicyMissingError."""
        kept = self._kept.get(number)
        if kept is not None:
            return kept
        row = next((row for row in await self._store.policies() if row.version == number), None)
        snapshot = compile_row(row) if row is not None else None
        if not isinstance(snapshot, Snapshot):
            raise PolicyMissingError(f"policy version {number} cannot be compiled any more")
        self._keep(snapshot)
        return snapshot


def compile_row(row: PolicyRow) -> Snapshot | list[Problem]:
    """The numbered snapshot of a stored version, or why this build cannot compile it."""
    loaded = load(row.yaml, f"policy-{row.version}.yaml")
    if loaded.snapshot is None:
        return list(loaded.problems)
    return msgspec.structs.replace(loaded.snapshot, version=row.version)
