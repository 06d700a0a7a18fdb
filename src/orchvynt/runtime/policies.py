"""The snapshot in force, and those that parked invocations are still pinned to."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final, Literal

import msgspec

from orchvynt.language.compile import Loaded
from orchvynt.language.problems import Problem
from orchvynt.language.snapshot import Budget, Rule, Snapshot
from orchvynt.language.spending import carried
from orchvynt.ports.carried import Carried
from orchvynt.ports.checking import Checking, CheckingUnavailableError
from orchvynt.ports.store import PolicyRow, Store

KEPT_VERSIONS: Final = 16
FREED_AT_ONCE: Final = 500
KEPT_CHARS: Final = 2_000_000
"""Of the texts of superseded versions: ten thousand rules are a million. Whoever is pinned to a version holds it besides."""


class PolicyMissingError(Exception):
    """An invocation is pinned to a version that the store does not have, or that cannot be compiled now."""


class FileSeen(msgspec.Struct, frozen=True):
    """The file given to --policy as it was last read. `trouble` is why it cannot be used; `digest` what it means, if it can.

    `follows`: the file is watched, so it is the truth.
    """

    path: str
    digest: str = ""
    trouble: str = ""
    follows: bool = False


class Policies:
    """`current` is what new invocations are pinned to; it changes in one assignment. `row` is its line of the history. `heard` are told
    what comes in place of what."""

    def __init__(self, store: Store, checking: Checking, current: Snapshot, row: PolicyRow | None = None) -> None:
        self._store = store
        self._checking = checking
        self._kept: OrderedDict[int, Snapshot] = OrderedDict({current.version: current})
        self.current = current
        self.row = row if row is not None else PolicyRow(current.version, current.digest, "", "", "", 0)
        self.file: FileSeen | None = None
        self.heard: list[Callable[[Snapshot, Snapshot], None]] = []

    def put_in_force(self, snapshot: Snapshot, row: PolicyRow) -> None:
        for tell in self.heard:
            tell(self.current, snapshot)
        self.current = snapshot
        self.row = msgspec.structs.replace(row, yaml="")
        self._keep(snapshot)

    def watch(self, now: int) -> Literal["", "following", "paused", "broken"]:
        """What becomes of a watched file; empty where none is."""
        if self.file is None or not self.file.follows:
            return ""
        if self.row.until > now:
            return "paused"
        return "broken" if self.file.trouble else "following"

    def drift(self, now: int) -> str:
        """In words, how the file differs from the version in force; empty if it does not, or if there is none."""
        file, version = self.file, self.current.version
        if file is None:
            return ""
        if file.trouble:
            return f"{file.trouble}; version {version} stays in force"
        if file.digest == self.current.digest:
            return ""
        if not file.follows:
            return f"{file.path} differs from version {version}, which is in force; `orchvynt apply {file.path} -m WHY` would change it"
        if self.row.until > now:
            return f"{file.path} is watched and differs from version {version}, which was applied over it for a while"
        return f"{file.path} differs from version {version}, and is about to take over"

    def _keep(self, snapshot: Snapshot) -> None:
        """The versions last asked for; the one in force is held by `current` besides."""
        self._kept[snapshot.version] = snapshot
        self._kept.move_to_end(snapshot.version)
        chars = sum(len(one.source) for one in self._kept.values())
        while len(self._kept) > 1 and (len(self._kept) > KEPT_VERSIONS or chars > KEPT_CHARS):
            _, left = self._kept.popitem(last=False)
            chars -= len(left.source)
            if len(left.rules) > FREED_AT_ONCE:
                asyncio.get_running_loop().call_soon(_free, list(left.rules))

    async def version(self, number: int) -> Snapshot:
        """The snapshot of an earlier version. Raises PolicyMissingError."""
        if number == self.current.version:
            return self.current
        kept = self._kept.get(number)
        if kept is not None:
            self._kept.move_to_end(number)
            return kept
        row = await self._store.policy(number)
        if row is None:
            raise PolicyMissingError(f"the history has no policy version {number}")
        try:
            snapshot = numbered(await self._checking.load(row.yaml, file_of(row)), row)
        except CheckingUnavailableError as error:
            raise PolicyMissingError(f"policy version {number} cannot be compiled now: {error}") from error
        if not isinstance(snapshot, Snapshot):
            raise PolicyMissingError(f"policy version {number} cannot be compiled any more")
        self._keep(snapshot)
        return snapshot


def _free(rules: list[Rule]) -> None:
    """Ten thousand rules that go at once take 20 ms, which the loop would stand still for."""
    del rules[-FREED_AT_ONCE:]
    if rules:
        asyncio.get_running_loop().call_soon(_free, rules)


def carrying(before: Sequence[Budget], after: Sequence[Budget]) -> Carried:
    """What the store has to do about spend when the budgets change."""
    return Carried(tuple(carried(before, after)), tuple(budget.name for budget in after))


def file_of(row: PolicyRow) -> str:
    """What problems of a stored version are given under."""
    return f"policy-{row.version}.yaml"


def numbered(loaded: Loaded, row: PolicyRow) -> Snapshot | list[Problem]:
    """The snapshot of a stored version, or why this build cannot compile it."""
    if loaded.snapshot is None:
        return list(loaded.problems)
    return msgspec.structs.replace(loaded.snapshot, version=row.version, commit=row.commit)
