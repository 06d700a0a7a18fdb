"""The audit in SQLite: appends entries within the writer's transactions, anchors its head around them, and checks the whole.

INVARIANT: what the anchor says and what the database says differ only while a transaction is under way, or after somebody changed one.
"""

import secrets
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from orchvynt.adapters.auditing import DELIVER, AuditedFact, review_notes, states_due
from orchvynt.adapters.clock import SystemClock
from orchvynt.adapters.projection import Batch
from orchvynt.adapters.sql import Connection
from orchvynt.adapters.sqlite.anchor import Anchor, Anchored
from orchvynt.adapters.sqlite.connection import SqliteConnection
from orchvynt.adapters.sqlite.queries import QUERIES, Value, run_rows
from orchvynt.adapters.sqlite.records import record_batches
from orchvynt.decisions.audit.chain import Checker, Verified, head_of, link
from orchvynt.decisions.audit.entries import MISMATCH, SALT_BYTES, UPGRADED, AuditRow, Entry, Head, Kept, Words
from orchvynt.ports.store import ReviewRow, StoreUnavailableError

AT_ONCE: Final = 1_000
TELLER: Final = "orchvynt"
_BEFORE_ALL: Final = -(2**63)


class AuditChain:
    """The chain's end in memory. One thread uses it: the writer's. `begin` and `commit` stand around every transaction. `earlier` are
    the anchors of other processes, that added to it while this one did not run."""

    def __init__(self, connection: Connection, anchor: Anchor, earlier: Sequence[Anchor] = ()) -> None:
        self._anchor = anchor
        self._earlier = earlier
        self.head = newest(connection)
        self._committed = self.head

    def append(self, connection: Connection, rows: Sequence[AuditRow]) -> list[Kept]:
        """Within a transaction."""
        kept: list[Kept] = []
        for row in rows:
            one = link(self.head, row, _salt)
            self.head = head_of(one)
            kept.append(one)
        entries: list[Value] = []
        words: list[Value] = []
        for one in kept:
            entries += msgspec.structs.astuple(one.entry)
            words += (one.number, *msgspec.structs.astuple(one.words))
        run_rows(connection, "add_audit_entries", 10, entries)
        run_rows(connection, "add_audit_words", 4, words)
        return kept

    def next_number(self, connection: Connection) -> int:  # noqa: ARG002 - where several processes write, it is asked for
        """Of the entry that is appended next. Within a transaction."""
        return self.head.number + 1

    def adopt(self, connection: Connection) -> None:
        """Entries that came from another store are its own from now on. Within the transaction that put them into the database."""
        self.head = newest(connection)

    def before_commit(self) -> None:
        """Raises StoreUnavailableError, and then nothing may be committed."""
        if self.head == self._committed:
            return
        try:
            self._anchor.intend(self._committed, self.head)
        except OSError as error:
            why = error.strerror or error
            raise StoreUnavailableError(f"the audit's head cannot be written to {self._anchor.path}: {why}. Free space there.") from error

    def committed(self) -> None:
        if self.head != self._committed:
            self._committed = self.head
            try:
                self._anchor.settle(self.head)
            except OSError:
                return  # what was intended is on disk, and says the same

    def rolled_back(self) -> None:
        self.head = self._committed

    def begin(self, connection: Connection, is_new: bool) -> list[AuditRow]:  # noqa: ARG002 - several processes differ
        """What is to be noted before anything else: a head that is not the anchored one."""
        anchored = self._anchor.read()
        if self.head.number == 0 and anchored is None:
            return []
        if anchored is not None and self.head in (anchored.settled, anchored.next):
            if anchored.next is not None:
                self._anchor.settle(self.head)
            return []
        if any(found is not None and self.head in found for found in (anchor.read() for anchor in self._earlier)):
            self._anchor.settle(self.head)
            return []
        return [mismatch(self.head, anchored)]


def upgraded(connection: Connection, head: Head) -> list[AuditRow]:
    """Entries of before there was a chain, to be noted before anything else."""
    if connection.execute(QUERIES["has_old_audits"]).fetchone() is None:
        return []
    old = connection.execute(QUERIES["old_audits"])
    return [AuditRow(at, who, what, why, subject, dict(UPGRADED)) for at, who, what, why, subject in old] if not head.number else []


def mismatch(found: Head, anchored: Anchored | None) -> AuditRow:
    expected = anchored.settled if anchored is not None else None
    said: dict[str, Any] = {"found": found.number, "found_hash": found.hash}
    said |= {"expected": expected.number, "expected_hash": expected.hash} if expected is not None else {"expected": "missing"}
    return AuditRow(SystemClock().now(), TELLER, MISMATCH, "", "audit", said)


def file_audit(connection: Connection, chain: AuditChain, known: dict[str, ReviewRow], facts: Sequence[AuditedFact]) -> None:
    """The entries of a batch. `known` are the reviews as they were before it."""
    chain.append(connection, review_notes(known, facts, lambda review: _has(connection, review, DELIVER)))
    due: list[Value] = []
    for one in states_due(facts):
        due += (one.review, one.inv, one.due_at)
    run_rows(connection, "put_states_due", 3, due)


def file_matches(connection: Connection, batch: Batch) -> None:
    matches: list[Value] = []
    for fact in batch.matches:
        matches += (fact.gate, fact.at, fact.inv)
    run_rows(connection, "add_matches", 3, matches)


def fill(connection: SqliteConnection) -> None:
    """What gates matched, and which states are to be dropped, of all records that are there. Raises StoreUnavailableError."""
    for batch in record_batches(connection):
        file_matches(connection, batch)
        for one in states_due(batch.audited):
            connection.execute(QUERIES["put_states_due"].replace("{rows}", "(?,?,?)"), (one.review, one.inv, one.due_at))


def kept_rows(rows: Sequence[tuple[Any, ...]]) -> list[Kept]:
    """An entry's columns, then those of its words; where they were taken away, words that no check passes."""
    return [Kept(Entry(*row[:10]), Words(*row[10:]) if row[10] is not None else Words("")) for row in rows]


def verify(connection: Connection, anchor: Anchor, head: str) -> Verified:
    """The whole chain as it stands now. The anchor is read first: what was settled then is in the chain now."""
    anchored = anchor.read()
    settled = anchored.settled if anchored is not None else None
    checker = Checker([("the anchored head", settled)] if settled is not None else [], head)
    # Half characters stand in no entry of ours, so what is no text is never taken for one.
    with connection.moment("surrogateescape"):
        after = _BEFORE_ALL
        while rows := connection.execute(QUERIES["audit_chain"], (after, AT_ONCE)).fetchall():
            for kept in kept_rows(rows):
                checker.add(kept)
            after = rows[-1][0]
        (alone,) = connection.execute(QUERIES["words_alone"]).fetchone()
    found = checker.finish(settled)
    if alone is not None and not 0 < found.bad_at <= alone:
        # Numbers begin with 1.
        found = msgspec.structs.replace(found, bad_at=max(1, alone), problem=f"there are words of an entry {alone}, and no such entry")
    if settled is None and found.entries and not found.bad_at:
        gone = f"the anchored head {anchor.path} is missing: what was cut off at the end cannot be told"
        return msgspec.structs.replace(found, bad_at=found.entries + 1, problem=gone)
    return found


def read_kept(connection: Connection, query: str, values: Sequence[Value]) -> list[Kept]:
    """Entries to be shown: bytes that somebody wrote there and that are no text are written out."""
    with connection.moment("backslashreplace"):
        return kept_rows(connection.execute(QUERIES[query], values).fetchall())


def _has(connection: Connection, subject: str, what: str) -> bool:
    return connection.execute(QUERIES["has_audit"], (subject, what)).fetchone() is not None


def newest(connection: Connection) -> Head:
    row = connection.execute(QUERIES["audit_newest"]).fetchone()
    return Head(*row) if row is not None else Head()


def _salt() -> bytes:
    return secrets.token_bytes(SALT_BYTES)
