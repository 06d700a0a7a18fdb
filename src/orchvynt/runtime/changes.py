"""Changes of the policy that weaken what is protected: kept until people have decided, then put in force as their author asked for them.

INVARIANT: what is put in force was approved over exactly the version that it was compared with. When another version comes in between, the
change is overtaken, and its author asks anew.
"""

from typing import Final

import msgspec

from orchvynt.decisions.reviews.cases import Case, Counted, Status, Voter, vote
from orchvynt.language.snapshot import Protected, Snapshot
from orchvynt.model.facts import Choice
from orchvynt.model.faults import Fault
from orchvynt.ports.changes import ChangeRow, ChangeStatus
from orchvynt.ports.clock import Clock, Ids
from orchvynt.ports.store import Store
from orchvynt.runtime.control import Change

OPEN_MAX: Final = 100
WEAKENS_MAX: Final = 200
_STATUS: Final[dict[ChangeStatus, Status]] = {"open": "open", "approved": "approved", "rejected": "rejected", "overtaken": "expired"}


class ChangeReviews:
    """What waits is in the store alone: it is seldom, and must outlive everything."""

    def __init__(self, store: Store, clock: Clock, ids: Ids) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids

    async def ask(self, snapshot: Snapshot, change: Change, base: Snapshot, weakens: tuple[str, ...]) -> ChangeRow | Fault:
        """The change waits. The same one, asked for again while it waits, is the one that is there."""
        assert base.protected is not None
        waiting = await self._store.changes(only_open=True)
        for row in waiting:
            if row.base == base.version and row.digest == snapshot.digest:
                return row
        if sum(row.base == base.version for row in waiting) >= OPEN_MAX:
            said = f"{OPEN_MAX} changes of what is protected wait already, so this one was not taken."
            return Fault("conflict", said, "Decide about some of them: orchvynt changes list.")
        row = _asked(self._ids.new("chg"), self._clock.now(), snapshot, change, base.version, weakens[:WEAKENS_MAX], base.protected)
        await self._store.add_change(row)
        return row

    async def overtake(self, current: Snapshot, but: str) -> None:
        """What waits was compared with another version than the one that is in force now; `but` is the change that made it so, and so is
        one that enough have approved, if the server stopped before that was written here."""
        for row in await self._store.changes(only_open=True):
            made_it_so = row.change == but or (approved(row) and row.digest == current.digest)
            if row.base != current.version and not made_it_so:
                await self.close(row, "overtaken", "", f"version {current.version} is in force")

    async def vote(self, change: str, voter: Voter, choice: Choice, reason: str, current: int) -> ChangeRow | Fault:
        """One vote, written; `current` is the version in force. An approval that decides leaves it open: it is put in force next."""
        row = await self._store.change(change)
        if row is None:
            return Fault("not_found", f"There is no change {change[:100]}.", "See `orchvynt changes list`.", param="change")
        if row.status == "overtaken":
            return overtaken(row, current)
        counted = vote(case_of(row), voter, choice, reason, self._clock.now())
        if not isinstance(counted, Counted):
            # Enough have approved, and the server stopped before it was in force: the next one who approves sees to it.
            return row if choice == "approve" and approved(row) else counted
        if choice == "approve" and row.base != current:
            return overtaken(row, current)
        voted = msgspec.structs.replace(row, votes=counted.case.votes)
        return await self.close(voted, "rejected", voter.by, reason) if choice == "reject" else await self._put(voted)

    async def close(self, row: ChangeRow, status: ChangeStatus, by: str, reason: str, version: int = 0) -> ChangeRow | Fault:
        now = self._clock.now()
        done = msgspec.structs.replace(row, status=status, decided_at=now, decided_by=by, reason=reason, version=version)
        return await self._put(done)

    async def _put(self, row: ChangeRow) -> ChangeRow | Fault:
        written = msgspec.structs.replace(row, revision=row.revision + 1)
        if await self._store.put_change(written):
            return written
        said = f"Somebody else decided about change {row.change} at the same moment."
        return Fault("conflict", said, f"See `orchvynt changes show {row.change}`, and vote again if it still waits.")


def case_of(row: ChangeRow) -> Case:
    """The change as a case of the one table of transitions."""
    status = _STATUS[row.status]
    return Case(
        row.change, status, row.decided_by, (row.approvers,), row.quorum, row.not_author, row.author, votes=row.votes, kind="change"
    )


def approved(row: ChangeRow) -> bool:
    """Whether enough people have approved what still waits."""
    return row.status == "open" and sum(one.choice == "approve" for one in row.votes) >= row.quorum


def overtaken(row: ChangeRow, current: int) -> Fault:
    """A change is approved beside what it was compared with, or not at all."""
    said = f"Change {row.change} was made for version {row.base}, and version {current} is in force by now."
    return Fault(
        "conflict", said, "Its author applies it again; then it is looked at beside what is in force.", detail={"current": current}
    )


def _asked(change: str, at: int, snapshot: Snapshot, asked: Change, base: int, weakens: tuple[str, ...], protected: Protected) -> ChangeRow:
    return ChangeRow(
        change=change,
        yaml=asked.yaml,
        digest=snapshot.digest,
        file=asked.file,
        message=asked.message,
        author=asked.by,
        at=at,
        base=base,
        weakens=weakens,
        approvers=protected.approvers,
        quorum=protected.quorum,
        not_author=protected.not_author,
        may_bind=asked.may_bind,
        commit=asked.commit,
        for_ns=asked.for_ns,
    )
