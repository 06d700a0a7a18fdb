"""The audit's part of the embedded store: the port's questions, and what is dropped or forgotten, for good."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from orchvynt.adapters.auditing import without_states
from orchvynt.adapters.journal.file import FileJournal
from orchvynt.adapters.journal.frames import decode_record, encode_facts
from orchvynt.adapters.sql import Connection, Reading
from orchvynt.adapters.sqlite.anchor import Anchor
from orchvynt.adapters.sqlite.auditing import read_kept, verify
from orchvynt.adapters.sqlite.outbox import forget_in_outbox
from orchvynt.adapters.sqlite.queries import QUERIES
from orchvynt.adapters.sqlite.writer import Writer
from orchvynt.decisions.audit.chain import Verified, forget_digest
from orchvynt.decisions.audit.entries import AuditRow, Head, Kept
from orchvynt.lifecycle.forgetting import forget_facts, persons_in
from orchvynt.model.facts import AnyFact
from orchvynt.ports.audit import EvidenceRow, Forgotten, HoldRow, StateDue

T = TypeVar("T")


class SqliteAudit:
    """Implements ports.audit.AuditStore."""

    _writer: Writer
    _reader: Reading
    _accounts: Reading
    _journal: FileJournal
    _anchor: Anchor

    @property
    def audit_entries(self) -> int:
        """How long the chain is."""
        return self._writer.chain.head.number

    async def audit(self, row: AuditRow) -> Kept:
        return (await self._write(lambda connection: self._writer.chain.append(connection, [row])))[0]

    async def audits(self, limit: int, before: int = 0, subject: str = "", who: str = "", what: str = "") -> list[Kept]:
        query = "audits_of" if subject else "audits"
        return await self._reader.run(lambda connection: read_kept(connection, query, (limit, before, subject, who, what)))

    async def audit_chain(self, after: int, limit: int) -> list[Kept]:
        return await self._accounts.run(lambda connection: read_kept(connection, "audit_chain", (after, limit)))

    async def audit_head(self) -> Head:
        anchored = await asyncio.get_running_loop().run_in_executor(None, self._anchor.read)
        return anchored.settled if anchored is not None else Head()

    async def verify_audit(self, head: str = "") -> Verified:
        return await self._accounts.run(lambda connection: verify(connection, self._anchor, head))

    async def matched(self, gate: str, begin: int, end: int) -> list[str]:
        return [str(inv) for (inv,) in await self._accounts.rows("matched", gate, begin, end)]

    async def records(self, after: str, limit: int) -> list[tuple[str, list[AnyFact]]]:
        found: dict[str, list[AnyFact]] = {}
        for inv, body in await self._accounts.rows("records", after, limit):
            found.setdefault(str(inv), []).extend(decode_record(bytes(body)))
        return list(found.items())

    async def states_due(self, now: int, limit: int) -> list[StateDue]:
        return [StateDue(*row) for row in await self._reader.rows("states_due", now, limit)]

    async def drop_states(self, due: Sequence[StateDue]) -> None:
        def work(connection: Connection) -> None:
            reviews = frozenset(one.review for one in due)
            for inv in dict.fromkeys(one.inv for one in due):
                _rewrite(connection, inv, lambda facts: without_states(facts, reviews))
            connection.executemany(QUERIES["state_dropped"], [(review,) for review in reviews])

        await self._write_securely(work)

    async def postpone_states(self, due: Sequence[StateDue], until: int) -> None:
        await self._write(lambda connection: connection.executemany(QUERIES["postpone_state"], [(one.review, until) for one in due]))

    async def holds(self) -> list[HoldRow]:
        return [HoldRow(*row) for row in await self._reader.rows("holds")]

    async def put_hold(self, row: HoldRow) -> None:
        await self._write(lambda connection: connection.execute(QUERIES["put_hold"], msgspec.structs.astuple(row)))

    async def evidence(self, review: str) -> EvidenceRow | None:
        rows = await self._reader.rows("evidence", review)
        return EvidenceRow(*rows[0]) if rows else None

    async def keep_evidence(self, row: EvidenceRow) -> None:
        await self._write(lambda connection: connection.execute(QUERIES["keep_evidence"], msgspec.structs.astuple(row)))

    async def expired_evidence(self, now: int, limit: int, after: str = "") -> list[EvidenceRow]:
        return [EvidenceRow(*row) for row in await self._reader.rows("expired_evidence", now, limit, after)]

    async def drop_evidence(self, reviews: Sequence[str]) -> None:
        await self._write_securely(lambda connection: connection.executemany(QUERIES["drop_evidence"], [(one,) for one in reviews]))

    async def forget(self, invs: Sequence[str], row: AuditRow) -> Forgotten:
        def work(connection: Connection) -> Forgotten:
            teller = self._writer.chain.next_number(connection)
            reviews = [str(review) for inv in invs for (review,) in connection.execute(QUERIES["reviews_of"], (inv,))]
            numbers = [int(number) for review in reviews for (number,) in connection.execute(QUERIES["numbers_of"], (review,))]
            answers = evidence = 0
            names: set[str] = set()
            for inv in invs:
                names |= _rewrite(connection, inv, forget_facts)
                connection.execute(QUERIES["forget_claims"], (inv,))
                answers += connection.execute(QUERIES["forget_kept_answer"], (inv,)).rowcount
                evidence += connection.execute(QUERIES["forget_evidence"], (inv,)).rowcount
            for review in reviews:
                connection.execute(QUERIES["forget_review"], (review,))
                connection.execute(QUERIES["state_dropped"], (review,))
            forget_in_outbox(connection, frozenset(reviews), names)
            connection.executemany(QUERIES["forget_words"], [(number, teller) for number in numbers])
            took = Forgotten(len(invs), len(reviews), answers, evidence, len(numbers))
            said = {**row.details, **msgspec.structs.asdict(took), "entries_digest": forget_digest(numbers)}
            self._writer.chain.append(connection, [msgspec.structs.replace(row, details=said)])
            return took

        # INVARIANT: what the journal holds of these invocations is filed before it is taken from the records.
        await asyncio.wrap_future(self._writer.when_filed())
        return await self._write_securely(work)

    async def leave_no_traces(self) -> None:
        await self._write_securely(lambda _connection: None)

    async def _write(self, work: Callable[[Connection], T]) -> T:
        return await asyncio.wrap_future(self._writer.submit(work))

    async def _write_securely(self, work: Callable[[Connection], T]) -> T:
        """What is taken away is overwritten in the database, in its write-ahead log and in the journal, not only unlinked."""
        done = await asyncio.wrap_future(self._writer.submit(work, securely=True))
        self._journal.rotate()
        await asyncio.wrap_future(self._writer.when_filed())
        return done


def _rewrite(connection: Connection, inv: str, change: Callable[[list[AnyFact]], list[AnyFact]]) -> frozenset[str]:
    """The rows of a record, changed. One row says what the others need to know: they are changed as a whole and parted again. Gives the
    names of persons that stood in it."""
    rows = [(seq, decode_record(bytes(body))) for seq, body in connection.execute(QUERIES["numbered_frames_of"], (inv,)).fetchall()]
    record = [fact for _, facts in rows for fact in facts]
    changed = iter(change(record))
    for seq, facts in rows:
        connection.execute(QUERIES["rewrite_frame"], (seq, encode_facts([next(changed) for _ in facts])))
    return persons_in(record)
