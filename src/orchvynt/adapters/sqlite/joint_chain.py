"""The audit where several processes write: one chain for all, of which each anchors the head that it saw in a file of its own.

INVARIANT: who adds entries holds the chain's lock from before it reads the head until its transaction is over.
"""

from collections.abc import Sequence

from orchvynt.adapters.sql import Connection
from orchvynt.adapters.sqlite.anchor import Anchor
from orchvynt.adapters.sqlite.auditing import AuditChain, mismatch, newest
from orchvynt.adapters.sqlite.queries import QUERIES
from orchvynt.decisions.audit.entries import AuditRow, Head, Kept


class SharedChain(AuditChain):
    def __init__(self, connection: Connection, anchor: Anchor) -> None:
        super().__init__(connection, anchor)
        self._locked = False

    def lock(self, connection: Connection) -> None:
        """Keeps others from adding entries until the transaction is over. In SQLite the transaction itself does."""

    def append(self, connection: Connection, rows: Sequence[AuditRow]) -> list[Kept]:
        if not rows:
            return []
        self._catch_up(connection)
        return super().append(connection, rows)

    def next_number(self, connection: Connection) -> int:
        self._catch_up(connection)
        return super().next_number(connection)

    def rolled_back(self) -> None:
        self._locked = False
        super().rolled_back()

    def begin(self, connection: Connection, is_new: bool) -> list[AuditRow]:
        """What is to be noted before anything else: a chain that has not the entry that this process anchored. `is_new`: it has none."""
        anchored = self._anchor.read()
        if anchored is None:
            if is_new or not self.head.number:
                self._anchor.settle(self.head)
                return []
            return [mismatch(self.head, None)]
        if not any(head is not None and _has_entry(connection, head) for head in anchored):
            return [mismatch(self.head, anchored)]
        self._anchor.settle(self.head)
        return []

    def _catch_up(self, connection: Connection) -> None:
        if not self._locked:
            self.lock(connection)
            self.head = self._committed = newest(connection)
            self._locked = True


def _has_entry(connection: Connection, head: Head) -> bool:
    if not head.number:
        return True
    found = connection.execute(QUERIES["audit_chain"], (head.number - 1, 1)).fetchone()
    return found is not None and found[0] == head.number and found[9] == head.hash
